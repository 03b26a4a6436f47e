"""The relay's refusals, in whatever words, as errors of ours. Pure: plain values and the clock."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from chat.relay.errors import (
    ModelUnknown,
    RelayAuth,
    RelayError,
    RelayProtocol,
    RelayRateLimited,
    RelayReported,
    RelayTimeout,
    RelayUnavailable,
)

MAX_MESSAGE_LENGTH = 500
# What a relay may ask for; 400 digits would be infinite, which no clock can reach.
LONGEST_WAIT_SECONDS = 366 * 24 * 3600.0

_RETRY_AFTER_IN_TEXT = re.compile(
    r"(?:retry|try again)\s+(?:after|in)\s+(\d+(?:\.\d+)?)\s*"
    r"(ms|milliseconds?|s\b|secs?\b|seconds?|m\b|mins?\b|minutes?)?",
    re.IGNORECASE,
)
UNKNOWN_MODEL_IN_TEXT = re.compile(
    r"(?:unknown|unsupported|invalid|no such) model\b"
    r"|\bmodel\s*:?\s*\S+\s+(?:(?:was|is|does|could)\s+)?"
    r"(?:not (?:be )?(?:found|exist|supported|available)|unknown|unsupported)",
    re.IGNORECASE,
)
OUT_OF_CREDIT = "insufficient_quota"  # a 429 that no waiting mends


def error_for_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: datetime,
    redact: Callable[[str], str],
    model: str = "",
) -> RelayError:
    """Return the error that a response with a status other than 200 stands for.

    `headers` are read by lower-case name; `body` may be cut; `now` (aware) dates a Retry-After
    that is an HTTP date; `model` is the name that was asked for.
    """
    message, kind = _read_body(body)
    message = redact(message)[:MAX_MESSAGE_LENGTH]
    if 300 <= status < 400:
        return RelayProtocol("The relay's address redirects elsewhere.", status=status, sent=False)
    if status == 429:
        wait = retry_after_seconds(headers, message, now)
        return RelayRateLimited(
            message, status=status, retry_after_seconds=wait, retryable=kind != OUT_OF_CREDIT
        )
    return _error_for_status(status, message, kind, model, headers, now)


def retry_after_seconds(headers: Mapping[str, str], message: str, now: datetime) -> float | None:
    """Return how long the relay asks us to wait: by header in seconds or as an HTTP date (RFC
    9110, section 10.2.3), else by its message ("Retry after 5 seconds"); None if it does not say.
    """
    given = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", given):
        return min(float(given), LONGEST_WAIT_SECONDS)
    if given:
        try:
            moment = parsedate_to_datetime(given)
        except (ValueError, OverflowError):
            pass
        else:
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            return min(max(0.0, (moment - now).total_seconds()), LONGEST_WAIT_SECONDS)
    found = _RETRY_AFTER_IN_TEXT.search(message)
    if found is None:
        return None
    unit = (found[2] or "s").lower()
    scale = 0.001 if unit.startswith(("ms", "milli")) else 60.0 if unit.startswith("m") else 1.0
    return min(float(found[1]) * scale, LONGEST_WAIT_SECONDS)


def _error_for_status(
    status: int,
    message: str,
    kind: str,
    model: str,
    headers: Mapping[str, str],
    now: datetime,
) -> RelayError:
    if status in (401, 403):
        # Our own words: the relay's may quote the key, and people can do nothing with them.
        return RelayAuth(status=status)
    if status in (400, 404, 422) and (
        kind == "model_not_found" or UNKNOWN_MODEL_IN_TEXT.search(message)
    ):
        return ModelUnknown(message, model=model, status=status)
    if status == 404:
        return RelayProtocol("The relay has nothing at this address.", status=status, sent=False)
    if status == 408:
        return RelayTimeout(message, status=status)
    if status >= 500:
        wait = retry_after_seconds(headers, message, now)
        return RelayUnavailable(
            message or f"The relay answered with status {status}.",
            status=status,
            retry_after_seconds=wait,
        )
    if status >= 400:
        return RelayReported(
            message or f"The relay refused with status {status}.", status=status, sent=False
        )
    return RelayProtocol(f"The relay answered with status {status}.", status=status)


def _read_body(body: bytes) -> tuple[str, str]:
    """Return message and type of an error body; both empty if it is not JSON."""
    try:
        found = json.loads(body.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return "", ""
    if isinstance(found, dict) and found.get("error"):
        found = found["error"]
    message, kind, _ = read_error(found)
    return message, kind


def read_error(error: Any) -> tuple[str, str, int | None]:
    """Return message, type (or code, if that is a word) and numeric status of an error object."""
    if isinstance(error, str):
        return encodable(error), "", None
    if not isinstance(error, dict):
        return "", "", None
    message = error.get("message") or error.get("detail") or ""
    words = [error.get("code"), error.get("type")]
    kind = next((w for w in words if isinstance(w, str) and not w.isdigit()), "")
    numbers = [str(error.get("status")), str(error.get("code"))]
    statuses = [int(number) for number in numbers if re.fullmatch("[1-5][0-9]{2}", number)]
    return (
        encodable(message) if isinstance(message, str) else "",
        kind,
        statuses[0] if statuses else None,
    )


def encodable(text: str) -> str:
    """Replace each lone surrogate by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
