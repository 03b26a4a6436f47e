"""Refusals in OpenAI's shape: `{"error": {"message", "type", "param", "code"}}` with a status."""

from typing import Any

STATUSES = {
    "bad_frame": 400,
    "unknown_parameter": 400,
    "unsupported_value": 400,
    "invalid_api_key": 401,
    "budget_exhausted": 402,
    "forbidden": 403,
    "model_not_allowed": 403,
    "not_found": 404,
    "model_unknown": 404,
    "method_not_allowed": 405,
    "answer_forgotten": 410,
    "request_too_large": 413,
    "unsupported_media_type": 415,
    "idempotency_mismatch": 422,
    "rate_limited": 429,
    "too_many_turns": 429,
    "relay_rate_limited": 429,
    "internal_error": 500,
    "interrupted": 503,
    "relay_auth": 502,
    "relay_error": 502,
    "relay_protocol": 502,
    "relay_stream_broken": 502,
    "relay_truncated": 502,
    "relay_unavailable": 502,
    "restarting": 503,
    "storage_unavailable": 503,
    "relay_timeout": 504,
}
"""The HTTP status of each code; a code that is not named here is a 500."""

TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
"""OpenAI's `type` by status; other 4xx are `invalid_request_error`, 5xx `server_error`."""

NAMES = {
    "bad_frame": "invalid_request",
    "model_unknown": "model_not_found",
    "budget_exhausted": "insufficient_quota",
    "rate_limited": "rate_limit_exceeded",
    "too_many_turns": "rate_limit_exceeded",
    "relay_rate_limited": "rate_limit_exceeded",
}
"""Codes that OpenAI's clients know by another name."""


class ProgramError(Exception):
    """What a program is told instead of an answer.

    `code` is one of the product's codes; `param` the path of what is wrong in the request.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        param: str | None = None,
        retry_after_seconds: float | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.retry_after_seconds = retry_after_seconds
        self.detail = detail

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUSES.get(self.code, 500)

    def body(self) -> dict[str, Any]:
        """The error object, as it goes over the wire. `detail` has figures in our own words."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        error: dict[str, Any] = {
            "message": self.message,
            "type": TYPES.get(self.status, kind),
            "param": self.param,
            "code": NAMES.get(self.code, self.code),
        }
        if self.detail:
            error["detail"] = self.detail
        return {"error": error}
