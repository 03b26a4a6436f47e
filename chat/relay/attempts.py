"""One try on one route, noted while it happens."""

from __future__ import annotations

from typing import Literal

import msgspec

from chat.relay.errors import RelayError
from chat.relay.types import (
    ChatRequest,
    FallbackNotice,
    RelayEvent,
    ResumeNotice,
    RetryNotice,
    Usage,
    WaitingNotice,
)

AttemptOutcome = Literal["running", "completed", "interrupted", "failed"]
TransportName = Literal["", "sse", "websocket", "scripted"]


class Attempt(msgspec.Struct, eq=False):
    """What is known of one try. Mutable: transport and router fill it in as they learn.

    Whoever stops reading an answer in its middle finds here how far the try had come. Times are
    in milliseconds since the try began; `waited_ms` is the time in line before that. `generated`
    holds the pieces of text of this try alone, reasoning and content as they came.
    """

    number: int
    relay_name: str
    key_label: str
    request: ChatRequest
    resumed: bool = False
    transport: TransportName = ""
    status: int | None = None
    echoed_model: str = ""
    sent: bool = False
    outcome: AttemptOutcome = "running"
    error: RelayError | None = None
    finish_reason: str = ""
    usage: Usage | None = None
    anomaly: str = ""
    waited_ms: int = 0
    ttft_ms: int | None = None
    total_ms: int | None = None
    generated: list[str] = msgspec.field(default_factory=list)


class AttemptStarted(msgspec.Struct, frozen=True):
    """A try begins; all that follows until the next one belongs to it."""

    attempt: Attempt


RoutedEvent = (
    RelayEvent | AttemptStarted | RetryNotice | FallbackNotice | ResumeNotice | WaitingNotice
)
"""What a turn hears while its answer is fetched."""
