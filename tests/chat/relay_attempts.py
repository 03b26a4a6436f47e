"""Stored attempts for the statistics' tests."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from chat.models import Attempt

_NUMBERS = iter(range(1, 32_000))


def stored(turn_id: UUID, *, at: datetime | None = None, **fields: Any) -> Attempt:
    """One completed attempt of the turn unless the fields say otherwise."""
    values = {
        "turn_id": turn_id,
        "number": next(_NUMBERS),
        "relay": "station",
        "model": "gpt-4.1",
        "transport": "sse",
        "outcome": "completed",
        "sent": True,
        "finish_reason": "stop",
        "quality": "reported",
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "counted_prompt_tokens": 100,
        "counted_completion_tokens": 50,
        "ttft_ms": 100,
        "total_ms": 1100,
    }
    attempt = Attempt.objects.create(**values | fields)
    if at is not None:
        Attempt.objects.filter(pk=attempt.pk).update(created_at=at)
    return attempt


def days_ago(days: float) -> datetime:
    return timezone.now() - timedelta(days=days)
