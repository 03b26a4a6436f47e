"""Whatever is refused here, as `{"error": {"code", "message"}}` with its status."""

import math
from typing import Any

import msgspec

from chat.api.credentials import CsrfRefused
from chat.api.refusals import STATUSES
from chat.completions import ProgramError
from chat.consumers.refusals import error_event

CODES = {
    "invalid_api_key": "not_signed_in",
    "unknown_parameter": "bad_frame",
    "unsupported_value": "bad_frame",
    "unsupported_media_type": "bad_frame",
}
"""Codes of the doors under `/v1/` that are called otherwise here."""
OTHER_STATUSES = {
    "method_not_allowed": 405,
    "request_too_large": 413,
    "interrupted": 503,
    "relay_stream_broken": 502,
    "relay_truncated": 502,
}


class NotSignedIn(Exception):
    """Sign in first, or send a valid API key."""


class Refusal:
    """What a caller is told: `body` with `status`, and when to come again."""

    def __init__(self, error: Exception) -> None:
        told = _told(error)
        self.code: str = told["code"]
        self.status = OTHER_STATUSES.get(self.code) or STATUSES.get(self.code, 400)
        seconds = told.get("retry_after_seconds")
        self.retry_after_seconds = None if seconds is None else math.ceil(seconds)
        self.body = {"error": told}


def _told(error: Exception) -> dict[str, Any]:
    if isinstance(error, NotSignedIn):
        return {"code": "not_signed_in", "message": str(NotSignedIn.__doc__)}
    if isinstance(error, CsrfRefused):
        message = "This page is out of date. Reload it and try again."
        return {"code": error.code, "message": message}
    if isinstance(error, ProgramError):
        told = {"code": CODES.get(error.code, error.code), "message": error.message}
        detail = dict(error.detail or {}) | ({"path": error.param} if error.param else {})
        if error.retry_after_seconds is not None:
            told["retry_after_seconds"] = error.retry_after_seconds  # type: ignore[assignment]
        return told | ({"detail": detail} if detail else {})
    event: dict[str, Any] = msgspec.to_builtins(error_event(error))
    event.pop("type")
    return event
