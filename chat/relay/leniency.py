"""Reading what relays send although no standard knows it."""

from __future__ import annotations

import json
from typing import Any

import msgspec


def text_of(value: Any) -> str:
    """Return the text of a content field: a string, or a list of parts that hold `text`."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        parts = (part.get("text") if isinstance(part, dict) else part for part in value)
        return "".join(part for part in parts if isinstance(part, str))
    return ""


def bare_error(payload: bytes | bytearray | str) -> Any:
    """Return the error of an object that is itself an error: `{"object": "error", ...}`."""
    try:
        found = msgspec.json.decode(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or "error" not in (found.get("object"), found.get("type")):
        return None
    return found


def parse_leniently(text: str) -> Any:
    """Decode JSON with bare control characters in strings and lone surrogates, which become U+FFFD.

    Raises ValueError or RecursionError.
    """
    return _scrub(json.loads(text, strict=False))


def _scrub(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_scrub(item) for item in value]
    if isinstance(value, dict):
        return {_scrub(key): _scrub(item) for key, item in value.items()}
    return value
