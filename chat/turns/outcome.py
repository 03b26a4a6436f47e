"""What a reader saw of an answer, and the end that follows from it. Pure: no clock, no tasks."""

from dataclasses import dataclass, field

from chat.relay.errors import RelayError
from chat.relay.types import UsageReport
from chat.services.ending import ReportedUsage, TurnEnd
from chat.turns.live import LiveTurn
from chat.turns.sentences import sentence_for

MAX_BELIEVABLE_TOKENS = 10**8
"""A relay that reports more for one turn is not believed; the turn is estimated."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Somebody or something ended the turn: the state it gets, who did, and why."""

    state: str
    by_id: int | None = None
    error_code: str = ""
    error_detail: str = ""


@dataclass(slots=True)
class Outcome:
    """What the reader has seen so far. Times are of `time.monotonic_ns()`."""

    usage: ReportedUsage | None = None
    anomaly: str = ""
    finish_reason: str = ""
    error: RelayError | None = None
    sent: bool = False
    generated: list[str] = field(default_factory=list)
    first_delta_ns: int | None = None

    def take_usage(self, report: UsageReport) -> None:
        """Believe a usage report, unless it cannot be true."""
        usage = report.usage
        self.anomaly = report.anomaly or self.anomaly
        if max(usage.prompt_tokens, usage.completion_tokens) > MAX_BELIEVABLE_TOKENS:
            self.anomaly = "usage_absurd"
            return
        self.usage = ReportedUsage(
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.cached_tokens,
            usage.reasoning_tokens,
        )

    def end(self, live: LiveTurn, stop: Stop | None, *, started_ns: int, total_ms: int) -> TurnEnd:
        """How the turn ended, all its text being published."""
        state, code, detail = "completed", "", ""
        # Neither a stop nor an error that came after the relay's own end changes anything.
        if not self.finish_reason:
            if stop is not None:
                state, code, detail = stop.state, stop.error_code, stop.error_detail
            elif self.error is not None:
                state, code, detail = "failed", self.error.code, self.error.message
        generated = "".join(self.generated)
        first_ns = self.first_delta_ns
        return TurnEnd(
            turn_id=live.id,
            epoch=live.epoch,
            model=live.admitted.model,
            state=state,
            content=live.content,
            reasoning=live.reasoning,
            generated=generated,
            prompt=live.admitted.prompt,
            sent=self.sent and self._may_be_billed(bool(generated)),
            # Counts from the middle of an answer are not its bill.
            usage=self.usage if state == "completed" else None,
            finish_reason=storable(self.finish_reason),
            error_code=code,
            error_message=sentence_for(code) if code else "",
            error_detail=storable(detail),
            anomaly=self.anomaly,
            ttft_ms=None if first_ns is None else (first_ns - started_ns) // 1_000_000,
            total_ms=total_ms,
            interrupted_by_id=stop.by_id if stop and state == "interrupted" else None,
        )

    def _may_be_billed(self, generated: bool) -> bool:
        """Whether the prompt counts where no usage was reported."""
        error = self.error
        if generated or error is None:
            return True
        return error.sent and error.code in (
            "relay_timeout",
            "relay_stream_broken",
            "relay_truncated",
        )


def storable(text: str) -> str:
    """The text without NUL, which PostgreSQL cannot store: one in a relay's answer would make the
    whole process's journal fail for good."""
    return text.replace("\0", "\ufffd") if "\0" in text else text
