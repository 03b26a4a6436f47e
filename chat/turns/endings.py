"""The end of a turn as an event."""

from datetime import UTC, datetime, timedelta

from chat.protocol import Done, Snapshot, TurnError, Usage
from chat.queries import stats_of
from chat.services.ending import Ended


def done_event(ended: Ended, retry_after_seconds: float | None = None) -> Done:
    """What clients are told when a turn has ended and is stored; at its very end also how long
    the relay wants to be left alone."""
    retry_at = None
    if retry_after_seconds is not None:
        retry_at = datetime.now(UTC) + timedelta(seconds=retry_after_seconds)
    error = None
    if ended.error_code:
        error = TurnError(ended.error_code, ended.error_message, retry_at)
    return Done(
        turn=ended.turn_id,
        state=ended.state,  # type: ignore[arg-type]
        finish_reason=ended.finish_reason or None,
        usage=Usage(
            ended.prompt_tokens,
            ended.completion_tokens,
            ended.prompt_tokens + ended.completion_tokens,
            ended.cached_tokens,
            ended.reasoning_tokens,
        ),
        cost_nano_usd=ended.cost_nano_usd,
        quality=ended.quality,  # type: ignore[arg-type]
        stats=stats_of(ended.ttft_ms, ended.total_ms, ended.completion_tokens),
        sha256=ended.sha256,
        error=error,
    )


def ended_snapshot(ended: Ended) -> Snapshot:
    """The stored text of an ended turn, for a client that comes back after the end."""
    return Snapshot(
        turn=ended.turn_id,
        epoch=ended.epoch,
        seq=0,
        content=ended.content,
        state=ended.state,  # type: ignore[arg-type]
        reasoning=ended.reasoning,
        conversation=ended.conversation_id,
        assistant_message=ended.assistant_message_id,
        extras=ended.extras,
    )
