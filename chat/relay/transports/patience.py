"""How long the next piece of an answer is waited for, the same on every transport."""

from __future__ import annotations

from chat.relay.chunks import AnswerReader
from chat.relay.settings import RelaySettings
from chat.relay.watch import Watch


def bound_next_read(
    watch: Watch,
    reader: AnswerReader,
    settings: RelaySettings,
    *,
    linger_after_usage_seconds: float,
) -> None:
    """Allow the idle limit while the answer goes on, and little once it is finished.

    After the usage only an end marker or a second report can follow, hence the shorter wait.
    """
    if not reader.finished:
        watch.limit_each(settings.idle_timeout_seconds)
        return
    grace_seconds = settings.finish_grace_seconds
    if reader.usage is not None:
        grace_seconds = min(grace_seconds, linger_after_usage_seconds)
    watch.end_within(grace_seconds)
