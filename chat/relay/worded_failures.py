"""Errors that the relay tells in words alone: inside an answer, or by closing a WebSocket."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from chat.relay.errors import (
    RelayError,
    RelayReported,
    RelayStreamBroken,
    RelayTruncated,
    RelayUnavailable,
)
from chat.relay.failures import (
    MAX_MESSAGE_LENGTH,
    OUT_OF_CREDIT,
    UNKNOWN_MODEL_IN_TEXT,
    encodable,
    error_for_response,
    read_error,
)

# Where an error comes without a status, inside a 200 or on a WebSocket, its words must tell.
_STATUS_OF_KIND = {
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "model_not_found": 404,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    OUT_OF_CREDIT: 429,
    "server_error": 500,
    "internal_server_error": 500,
    "api_error": 500,
    "overloaded_error": 503,
    "service_unavailable": 503,
}
_STATUS_OF_WORDS = (
    (401, re.compile(r"invalid (?:authentication|api.?key)|unauthori[sz]ed", re.IGNORECASE)),
    (403, re.compile(r"^forbidden\b", re.IGNORECASE)),
    (503, re.compile(r"\bat capacity\b|\boverloaded\b", re.IGNORECASE)),
    (429, re.compile(r"rate.?limit|too many requests", re.IGNORECASE)),
    (404, UNKNOWN_MODEL_IN_TEXT),
)
# RFC 6455, section 7.4.1, and IANA's registry: closed without a fault, no status given.
_NORMAL_CLOSES = (1000, 1005)
_TRY_AGAIN_LATER = 1013
_REFUSING_CLOSES = (1003, 1007, 1008, 1009)  # type, data, policy, size: of what we sent


def error_in_answer(
    error: Any, *, started: bool, redact: Callable[[str], str], model: str = ""
) -> RelayError:
    """Return the error that an error object inside an answer stands for.

    Before anything of the answer has arrived a status inside the object is honoured, or the one
    that its words tell, so that a busy relay is tried again; afterwards it is always
    RelayReported (fault row 19).
    """
    message, kind, status = read_error(error)
    message = redact(message)[:MAX_MESSAGE_LENGTH]
    if not started:
        status = status or _status_in_words(kind, message)
        if status is not None and status >= 400:
            return _error_for_words(status, message, kind, redact=redact, model=model)
    return RelayReported(message)


def error_for_close(
    code: int, reason: str, *, started: bool, redact: Callable[[str], str], model: str = ""
) -> RelayError:
    """Return the error that the close of a WebSocket before the end of an answer stands for.

    `code` is the one received, 1006 where the connection was lost; `reason` is the relay's text.
    """
    reason = redact(encodable(reason))[:MAX_MESSAGE_LENGTH]
    if started:
        return RelayTruncated() if code in _NORMAL_CLOSES else RelayStreamBroken()
    status = _status_in_words("", reason) or (503 if code == _TRY_AGAIN_LATER else None)
    if status is None and 4400 <= code < 4600:
        status = code - 4000  # the custom of those who close with an HTTP status in mind
    if status is not None:
        error = _error_for_words(status, reason, "", redact=redact, model=model)
        if status == 503:
            error.sent = False  # turned away at the door
        return error
    if code in _NORMAL_CLOSES:
        return RelayTruncated()
    if code in _REFUSING_CLOSES:
        return RelayReported(reason or f"The relay refused the request (close code {code}).")
    said = f" ({code}{': ' if reason else ''}{reason})"
    return RelayUnavailable(f"The relay closed the connection{said}.")


def says_at_capacity(text: str) -> bool:
    """Say whether a refusal's words ask us to come again later, whatever its status."""
    return _status_in_words("", text) in (429, 503)


def _status_in_words(kind: str, message: str) -> int | None:
    found = _STATUS_OF_KIND.get(kind)
    if found is not None:
        return found
    return next((status for status, words in _STATUS_OF_WORDS if words.search(message)), None)


def _error_for_words(
    status: int, message: str, kind: str, *, redact: Callable[[str], str], model: str
) -> RelayError:
    body = json.dumps({"error": {"message": message, "type": kind}}).encode()
    now = datetime.now(UTC)
    return error_for_response(status, {}, body, now=now, redact=redact, model=model)
