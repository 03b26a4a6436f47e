"""One try on one route, noted while it happens."""

from __future__ import annotations

from typing import Literal

import msgspec

from chat.relay.errors import RelayError
from chat.relay.types import (
    ChatRequest,
    FallbackNotice,
    Finish,
    RelayEvent,
    ResumeNotice,
    RetryNotice,
    Usage,
    UsageReport,
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
    # By which the relay's bill may name the request.
    response_id: str = ""
    sent: bool = False
    outcome: AttemptOutcome = "running"
    error: RelayError | None = None
    finish_reason: str = ""
    usage: Usage | None = None
    anomaly: str = ""
    malformed_frames: int = 0
    waited_ms: int = 0
    ttft_ms: int | None = None
    total_ms: int | None = None
    generated: list[str] = msgspec.field(default_factory=list)

    @property
    def started(self) -> bool:
        """Whether something of its answer has come."""
        return self.ttft_ms is not None

    def note(self, event: RelayEvent) -> None:
        """Keep what an event says beside text."""
        if isinstance(event, UsageReport):
            self.usage = event.usage
            self.anomaly = event.anomaly or self.anomaly
        elif isinstance(event, Finish):
            self.finish_reason = event.finish_reason

    def end(self, error: RelayError | None = None) -> None:
        """Decide how it ended; without an error and without a finish somebody stopped reading.

        An error after the relay's own end changes nothing.
        """
        if self.finish_reason:
            self.outcome = "completed"
        elif error is None:
            self.outcome = "interrupted"
        else:
            self.outcome, self.error = "failed", error
            self.sent = self.sent or error.sent


class AttemptStarted(msgspec.Struct, frozen=True):
    """A try begins; all that follows until the next one belongs to it."""

    attempt: Attempt


RoutedEvent = (
    RelayEvent | AttemptStarted | RetryNotice | FallbackNotice | ResumeNotice | WaitingNotice
)
"""What a turn hears while its answer is fetched."""
