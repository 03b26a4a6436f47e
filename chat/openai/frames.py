"""What a program's frame on a WebSocket is: a sign of life, a stop, or the body of a request."""

from typing import Literal

import msgspec
from django.conf import settings

from chat.completions import ProgramError
from chat.completions.bounds import check_values
from chat.consumers.rates import FrameBucket

Word = Literal["ping", "pong", "interrupt"]

PONG = b'{"type":"pong"}'
LONGEST_WORD_CHARACTERS = 1_000
"""A heartbeat may bring a time or a session with it."""
FLOOD_REFUSALS = 200
"""So many more frames refused for speed than taken close the socket."""


class _Typed(msgspec.Struct):
    type: Word


_decoder = msgspec.json.Decoder(_Typed)


class Flood(Exception):
    """The client goes on sending faster than it may."""


class FrameRate:
    """Lets the frames of one client through, at the rate at which it may send them."""

    def __init__(self) -> None:
        limits = settings.SOCKETS
        self._bucket = FrameBucket(limits.frames_per_second, limits.frames_burst)
        self._refusals = 0

    def take(self) -> None:
        """Count a frame. Raises ProgramError for one that comes too soon, Flood for too many."""
        wait_seconds = self._bucket.take()
        if not wait_seconds:
            self._refusals = max(0, self._refusals - 1)
            return
        self._refusals += 1
        if self._refusals >= FLOOD_REFUSALS:
            raise Flood
        raise ProgramError(
            "rate_limited",
            "Too many frames at once. Wait a moment and send again.",
            retry_after_seconds=round(wait_seconds, 2),
        )


def word_of(frame: str | bytes) -> Word | None:
    """The word that a frame is, as JSON or alone; None for what must be a request."""
    if len(frame) > LONGEST_WORD_CHARACTERS:
        return None
    text = (frame.decode("utf-8", "replace") if isinstance(frame, bytes) else frame).strip()
    if text == "ping":
        return "ping"
    if text == "pong":
        return "pong"
    try:
        return _decoder.decode(text).type
    except (msgspec.MsgspecError, RecursionError):
        return None


def body_of(frame: str | bytes) -> bytes:
    """The body that a frame is. Raises ProgramError for one that is too long or has too
    many values."""
    body = frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame
    limit_bytes = settings.TURNS.max_api_body_bytes
    if len(body) > limit_bytes:
        raise ProgramError(
            "request_too_large",
            f"The body is longer than {limit_bytes} bytes. Send less at a time.",
            detail={"limit_bytes": limit_bytes},
        )
    check_values(body)
    return body
