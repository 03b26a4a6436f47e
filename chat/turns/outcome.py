"""What a reader saw of an answer, and the end that follows from it. Pure: no clock, no tasks."""

import math
from dataclasses import dataclass, field
from typing import Any

from chat.relay.attempts import Attempt
from chat.relay.errors import RelayError
from chat.relay.extras import Extras
from chat.relay.types import ChatRequest, Usage
from chat.services.attempts import AttemptEnd, ReportedUsage
from chat.services.ending import TurnEnd
from chat.services.intents import PromptMessage, what_options_say
from chat.turns.live import LiveTurn
from chat.turns.sentences import sentence_for

MAX_BELIEVABLE_TOKENS = 10**8
"""A relay that reports more for one turn is not believed; the turn is estimated."""

MOST_NESTED = 64
UNLIKELY = -9999.0
"""What OpenAI says of a token whose probability is none; other relays say minus infinity."""

SILENT_FAILURES = ("relay_timeout", "relay_stream_broken", "relay_truncated")
"""What may end an attempt on which the relay had worked without a word."""


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

    attempts: list[Attempt] = field(default_factory=list)
    error: RelayError | None = None
    first_delta_ns: int | None = None

    @property
    def finish_reason(self) -> str:
        """The relay's word for the end; empty while it has not said so."""
        return self.attempts[-1].finish_reason if self.attempts else ""

    def take_text(self, text: str) -> None:
        """Note text of the present attempt."""
        self.attempts[-1].generated.append(text)

    def generated(self) -> str:
        """All text of all attempts."""
        for attempt in self.attempts:
            if len(attempt.generated) > 1:
                attempt.generated[:] = ["".join(attempt.generated)]
        return "".join(part for attempt in self.attempts for part in attempt.generated)

    def end(self, live: LiveTurn, stop: Stop | None, *, started_ns: int, total_ms: int) -> TurnEnd:
        """How the turn ended, all its text being published."""
        state, code, message, detail = "completed", "", "", ""
        retry_after_seconds = None
        # Neither a stop nor an error that came after the relay's own end changes anything.
        if not self.finish_reason:
            if stop is not None:
                state, code, detail = stop.state, stop.error_code, stop.error_detail
                message = sentence_for(code) if code else ""
            elif self.error is not None:
                state, code, detail = "failed", self.error.code, self.error.message
                retry_after_seconds = self.error.retry_after_seconds
                message = sentence_for(code, retry_after_seconds)
        first_ns = self.first_delta_ns
        attempts = tuple(
            _attempt_end(each, is_last=each is self.attempts[-1]) for each in self.attempts
        )
        return TurnEnd(
            turn_id=live.id,
            epoch=live.epoch,
            model=live.admitted.model,
            state=state,
            content=live.content,
            reasoning=live.reasoning,
            extras=live.extras,
            attempts=attempts,
            finish_reason=storable(self.finish_reason),
            error_code=code,
            error_message=message,
            error_detail=storable(detail),
            anomaly=next((each.anomaly for each in reversed(attempts) if each.anomaly), ""),
            ttft_ms=None if first_ns is None else (first_ns - started_ns) // 1_000_000,
            total_ms=total_ms,
            retry_after_seconds=retry_after_seconds,
            interrupted_by_id=stop.by_id if stop and state == "interrupted" else None,
        )


def _attempt_end(attempt: Attempt, *, is_last: bool) -> AttemptEnd:
    # Counts from the middle of an answer are not its bill.
    usage = attempt.usage if attempt.outcome == "completed" else None
    anomaly = attempt.anomaly
    if attempt.usage is not None and not _is_believable(attempt.usage):
        usage, anomaly = None, "usage_absurd"
    error = attempt.error
    return AttemptEnd(
        number=attempt.number,
        relay=attempt.relay_name,
        key_label=attempt.key_label,
        model=attempt.request.model,
        transport=attempt.transport,
        resumed=attempt.resumed,
        outcome=attempt.outcome,
        billed=_may_be_billed(attempt, is_last=is_last),
        prompt=_prompt_of(attempt.request),
        generated="".join(attempt.generated),
        usage=None if usage is None else _reported(usage),
        status=(error.status if error else None) or attempt.status,
        error_code=error.code if error else "",
        error_detail=storable(error.message) if error else "",
        sent=attempt.sent,
        finish_reason=storable(attempt.finish_reason),
        echoed_model=storable(attempt.echoed_model),
        response_id=storable(attempt.response_id),
        anomaly=anomaly,
        malformed_frames=attempt.malformed_frames,
        waited_ms=attempt.waited_ms,
        ttft_ms=attempt.ttft_ms,
        total_ms=attempt.total_ms,
    )


def _prompt_of(request: ChatRequest) -> tuple[PromptMessage, ...]:
    sent = (PromptMessage(m.role, m.content, images=m.images) for m in request.messages)
    return (*sent, *what_options_say(request.extra))


def _may_be_billed(attempt: Attempt, *, is_last: bool) -> bool:
    """Whether an attempt counts where no usage was reported.

    One that failed before it said anything and was followed by another is not charged.
    """
    if attempt.generated or attempt.outcome == "completed":
        return True
    error = attempt.error
    if error is None:
        return attempt.sent
    return is_last and error.sent and error.code in SILENT_FAILURES


def _is_believable(usage: Usage) -> bool:
    return max(usage.prompt_tokens, usage.completion_tokens) <= MAX_BELIEVABLE_TOKENS


def _reported(usage: Usage) -> ReportedUsage:
    return ReportedUsage(
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.cached_tokens,
        usage.reasoning_tokens,
    )


def storable(text: str) -> str:
    """The text without NUL, which PostgreSQL cannot store: one in a relay's answer would make the
    whole process's journal fail for good."""
    return text.replace("\0", "\ufffd") if "\0" in text else text


def storable_extras(extras: Extras | None) -> Extras | None:
    """The same of what is no text; without numbers that JSON does not have, and without what is
    nested deeper than a database reads. Neither database would store the end of such a turn, ever.
    """
    return None if extras is None else _storable_value(extras, MOST_NESTED)


def _storable_value(value: Any, levels: int) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else UNLIKELY if value < 0 else None
    if isinstance(value, list | dict) and not levels:
        return None
    if isinstance(value, list):
        return [_storable_value(each, levels - 1) for each in value]
    if isinstance(value, dict):
        return {storable(key): _storable_value(each, levels - 1) for key, each in value.items()}
    return value
