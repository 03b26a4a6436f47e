"""The tries of turns as the reconciliation of a relay's bill wants them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby

from billing.reconciliation_ours import AttemptFacts
from chat.models import Attempt

ROWS_AT_ONCE = 2000
ANSWER_PREFIX = "chatcmpl-"
"""What stands before the request's id in the ids of answers."""
LONGEST_TURN = timedelta(days=1)
"""How much earlier than an attempt was stored its turn may have begun."""


def tries_between(relay: str, since: datetime, until: datetime) -> Iterator[AttemptFacts]:
    """Every try that was sent, at any relay, of the turns that had one at this relay in between."""
    turns = Attempt.objects.filter(
        relay=relay,
        created_at__gte=since,
        created_at__lt=until + LONGEST_TURN,
        turn__created_at__lt=until,
    ).values("turn_id")
    rows = Attempt.objects.filter(turn_id__in=turns).select_related("turn")
    ordered = rows.order_by("turn_id", "number").iterator(ROWS_AT_ONCE)
    for _, tries in groupby(ordered, key=lambda row: row.turn_id):
        *earlier, last = tries
        for row in (*earlier, last):
            if row.sent or row.quality:
                yield _facts(row, row.turn.created_at if row is not last else _began(row))


def _facts(row: Attempt, began_at: datetime) -> AttemptFacts:
    return AttemptFacts(
        subject=row.turn.subject,
        attempt=row.number,
        relay=row.relay,
        model=row.model,
        began_at=began_at,
        ended_at=row.created_at,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        cached_tokens=row.cached_tokens,
        reasoning_tokens=row.reasoning_tokens,
        images=row.images,
        billed=bool(row.quality),
        request_id=row.response_id.removeprefix(ANSWER_PREFIX),
    )


def _began(last: Attempt) -> datetime:
    """All tries are stored with the end of their turn: when the earlier ones began is not known,
    and the last one began its own time before that."""
    if last.total_ms is None:
        return last.turn.created_at
    began = last.created_at - timedelta(milliseconds=last.total_ms)
    return max(last.turn.created_at, began)
