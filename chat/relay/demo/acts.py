"""The acts of which a script for the demo relay is made.

A script says what happens after a request was understood. Each act works over SSE and over
WebSocket; where a transport has no such thing (line endings on a WebSocket), the act does nothing.
Acts are plain values, so a script can be written in Python, or sent as JSON with a request:
``[{"act": "say", "tokens": 8}, {"act": "reset"}]``.
"""

from typing import Any, Literal

import msgspec


class Act(msgspec.Struct, frozen=True, tag_field="act", tag=str.lower):
    """One thing the relay does."""


class Wait(Act, frozen=True):
    """Stay silent for a while, the connection open."""

    seconds: float


class Hang(Act, frozen=True):
    """Stay silent until the client leaves; `before_head` without even the answer's head."""

    before_head: bool = False


class Header(Act, frozen=True):
    """Add a header to the answer's head; comes before the first act that sends something."""

    name: str
    value: str


class Status(Act, frozen=True):
    """Answer with this status and body, and nothing else.

    A dict is sent as JSON, a string as HTML. On a WebSocket, where the handshake is over, the body
    is one text frame and `close_code` follows.
    """

    status: int
    body: dict[str, Any] | str
    headers: dict[str, str] = {}
    close_code: int = 1011


class Say(Act, frozen=True):
    """Generate pieces of the answer at the usual pace: `tokens` of them, or all that are left."""

    tokens: int | None = None
    ignores_max_tokens: bool = False


class Bench(Act, frozen=True):
    """Generate numbered, time-stamped tokens at this rate; 0 is as fast as the client reads."""

    tokens: int
    tokens_per_second: int


class Name(Act, frozen=True):
    """From here on name this model in each chunk instead of the one asked for."""

    model: str


class Text(Act, frozen=True):
    """Generate this text instead of the answer chosen for the prompt."""

    text: str


class Call(Act, frozen=True):
    """Call a tool instead of answering: its name in one chunk, its arguments in pieces."""

    name: str
    arguments: str


class Finish(Act, frozen=True):
    """Send the chunk with the finish reason: the given one, or the true one."""

    reason: str | None = None


class Report(Act, frozen=True):
    """Send a usage chunk: the true counts, or false completion tokens.

    `factor` multiplies the true number; `tokens` replaces it; `times_max_tokens` makes it a
    multiple of the request's limit. `prompt_factor` multiplies the prompt's tokens.
    """

    factor: float = 1.0
    prompt_factor: float = 1.0
    tokens: int | None = None
    times_max_tokens: int | None = None


class Event(Act, frozen=True):
    """Send this text as one event: the data of an SSE event, or a WebSocket text frame."""

    text: str


class Send(Act, frozen=True):
    """Send raw bytes after a delay: into the body of the answer, or as one text frame."""

    data: bytes
    delay_seconds: float = 0.0


class Trickle(Act, frozen=True):
    """From here on write one byte at a time, with a pause after each."""

    bytes_each: int = 1
    pause_seconds: float = 0.0


class Lines(Act, frozen=True):
    """From here on end SSE lines like this; `crlf_apart` puts CR and LF into two packets."""

    ending: Literal["lf", "crlf", "cr", "mixed", "crlf_apart"]


class LongLine(Act, frozen=True):
    """Send one line (one frame) of this many bytes that never becomes an event."""

    length_bytes: int


class Flood(Act, frozen=True):
    """Send content for ever, as fast as the client takes it; every event counts one token."""

    text: str = "again and "


class Done(Act, frozen=True):
    """Send the end marker ``[DONE]``; a WebSocket has none."""


class End(Act, frozen=True):
    """End the answer cleanly. A WebSocket stays open for the next request."""


class Close(Act, frozen=True):
    """Close the connection in order: end of body and FIN, or a WebSocket close frame."""

    code: int = 1000


class Drop(Act, frozen=True):
    """Close the TCP connection without ending the body or the WebSocket (close code 1006)."""


class Reset(Act, frozen=True):
    """Reset the TCP connection (RST), after what was sent has arrived."""


AnyAct = (
    Wait
    | Hang
    | Header
    | Status
    | Say
    | Bench
    | Name
    | Text
    | Call
    | Finish
    | Report
    | Event
    | Send
    | Trickle
    | Lines
    | LongLine
    | Flood
    | Done
    | End
    | Close
    | Drop
    | Reset
)


class Script(msgspec.Struct, frozen=True):
    """A named list of acts.

    `attempts` limits it to the first so many requests with the same key and messages; the next one
    is answered as usual. None means always.
    """

    name: str
    acts: tuple[AnyAct, ...]
    attempts: int | None = None

    def at(self, tokens: int) -> "Script":
        """Give the same script, its first Say with a number speaking this many tokens instead."""
        acts = list(self.acts)
        for index, act in enumerate(acts):
            if isinstance(act, Say) and act.tokens is not None:
                acts[index] = msgspec.structs.replace(act, tokens=tokens)
                break
        return msgspec.structs.replace(self, acts=tuple(acts))


ORDINARY = Script("ordinary", (Say(), Finish(), Report(), Done(), End()))


def script_from_json(acts: Any) -> Script:
    """Make a script of a decoded JSON list of acts; raises `msgspec.ValidationError`."""
    return Script("custom", msgspec.convert(acts, type=tuple[AnyAct, ...]))
