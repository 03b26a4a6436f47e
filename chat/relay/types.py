"""What goes to a relay and what comes back: plain frozen values, the same on every transport."""

from __future__ import annotations

from typing import Any

import msgspec

from chat.relay.errors import RelayError


class RelayMessage(msgspec.Struct, frozen=True):
    """One message of the prompt; `role` is `system`, `user`, `assistant` or another that the relay
    knows.

    `wire` is the message as JSON where it is more than a role and a text: it goes up as it is, and
    `content` is its text and `images` the number of its pictures, for counting.
    """

    role: str
    content: str
    wire: str = ""
    images: int = 0


class ChatRequest(msgspec.Struct, frozen=True):
    """One attempt to be made.

    `max_tokens` always goes upstream. `extra` holds further fields of the request body; it
    cannot override the fields that this client sets itself.
    """

    model: str
    messages: tuple[RelayMessage, ...]
    max_tokens: int
    temperature: float | None = None
    extra: dict[str, Any] = {}


class Usage(msgspec.Struct, frozen=True):
    """Token counts as the relay reports them.

    `cached_tokens` are part of `prompt_tokens`, `reasoning_tokens` part of `completion_tokens`;
    None = not reported.
    """

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class Delta(msgspec.Struct, frozen=True, gc=False):
    """A parsed increment of the answer; any of its parts may be empty."""

    content: str = ""
    reasoning: str = ""
    role: str | None = None
    # What is no text: see `chat.relay.extras`.
    extras: dict[str, Any] | None = None


class UsageReport(msgspec.Struct, frozen=True):
    """The usage to believe now: of several reports in one answer the last one counts.

    `anomaly` says what was odd about the relay's own numbers (`usage_shrank`), if anything.
    """

    usage: Usage
    anomaly: str | None = None


class Finish(msgspec.Struct, frozen=True):
    """The relay says that the answer is finished; `finish_reason` is its own word (`stop`, ...)."""

    finish_reason: str


class RetryNotice(msgspec.Struct, frozen=True):
    """Attempt number `attempt` (from 1) failed with `error`; the next starts after the delay."""

    attempt: int
    delay_seconds: float
    error: RelayError


class FallbackNotice(msgspec.Struct, frozen=True):
    """The route that was tried failed with `error`; the next one is on the relay `relay_name`."""

    relay_name: str
    error: RelayError


class ResumeNotice(msgspec.Struct, frozen=True):
    """The stream broke with `error` in mid-answer; a new attempt goes on from where it broke."""

    error: RelayError


class WaitingNotice(msgspec.Struct, frozen=True):
    """The attempt waits: in line at `position` (from 1), or for about `delay_seconds`."""

    position: int | None = None
    delay_seconds: float | None = None


RelayEvent = Delta | UsageReport | Finish
