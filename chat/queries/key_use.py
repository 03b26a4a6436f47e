"""What programs used by an API key of late."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Sum
from django.db.models.functions import Now

from chat.models import Turn, TurnState

OF_LATE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class KeyUse:
    """Answers that have ended, and what they cost when they were settled, in nano-USD."""

    turns: int = 0
    cost_nano_usd: int = 0


def use_of_keys(key_ids: Sequence[int]) -> dict[int, KeyUse]:
    """By the id of a key what was asked for by it in the last 30 days; none: nothing was. One
    query, by the index of turns with a key."""
    turns = Turn.objects.filter(api_key_id__in=key_ids, created_at__gt=Now() - OF_LATE)
    ended = turns.exclude(state=TurnState.RUNNING).order_by()
    sums = ended.values("api_key_id").annotate(count=Count("pk"), cost=Sum("cost_nano_usd"))
    return {
        # PostgreSQL sums 64-bit integers into decimals.
        row["api_key_id"]: KeyUse(row["count"], int(row["cost"] or 0))
        for row in sums
    }
