"""Which process works on which batch: taken by a conditional update, held as long as it beats."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid5

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from chat.models import Batch, BatchLine, BatchState, Conversation, LineState, Message, Node, Turn
from chat.services.leases import living

MOST_AT_A_LOOK = 200
"""Batches that one look sees; of more, the next looks see the rest."""
LINES_AT_ONCE = 100


def take_batches(node: str, *, lease_seconds: float, adopt: bool, room: int) -> Sequence[UUID]:
    """The batches that `node` works on, with up to `room` more that it takes now, oldest first.

    Taken are those that nobody has, those of a process that has ended, and with `adopt` those of
    one whose lease has run out: not in the first moments after everybody's did, see
    `chat.turns.beat.Beat.may_adopt`.
    """
    rows = list(_at_work().order_by("created_at").values_list("id", "node")[:MOST_AT_A_LOOK])
    mine = [id for id, owner in rows if owner == node]
    others = [(id, owner) for id, owner in rows if owner != node]
    if not others or room <= 0:
        return mine
    known = set(Node.objects.values_list("name", flat=True))
    alive = set(living(lease_seconds).values_list("name", flat=True))
    if node not in alive:
        # The database's clock has jumped: everybody's lease looks old.
        return mine
    for id, owner in others:
        if owner in alive or (owner in known and not adopt):
            continue
        if room > 0 and _take(id, owner, node):
            mine.append(id)
            room -= 1
    return mine


def _at_work() -> QuerySet[Batch]:
    """Those that somebody has to look after."""
    running = BatchLine.objects.filter(batch=OuterRef("pk"), state=LineState.RUNNING)
    return Batch.objects.filter(
        Q(state=BatchState.RUNNING)
        | (Q(state=BatchState.STOPPED) & (Q(deleted_at__isnull=False) | Exists(running)))
    )


def _take(batch_id: UUID, owner: str, node: str) -> bool:
    return bool(Batch.objects.filter(pk=batch_id, node=owner).update(node=node))


def give_back(node: str) -> None:
    """A process ends in order: others need not wait until its lease has run out."""
    Batch.objects.filter(node=node).update(node="")


def purge_batch(batch_id: UUID) -> None:
    """Let go of a deleted batch of which nothing runs: its prompts, and the texts of all its
    turns. The turns stay, without their texts, with what they cost."""
    batch = Batch.objects.filter(pk=batch_id, deleted_at__isnull=False).first()
    if batch is None or batch.lines.filter(state=LineState.RUNNING).exists():
        return
    while lines := list(batch.lines.order_by("number")[:LINES_AT_ONCE]):
        with transaction.atomic():
            _forget_answers(batch, lines)
            BatchLine.objects.filter(pk__in=[line.pk for line in lines]).delete()
    batch.delete()


def _forget_answers(batch: Batch, lines: Sequence[BatchLine]) -> None:
    ids = [turn_key(batch.id, line.number, n + 1) for line in lines for n in range(line.tries)]
    turns = Turn.objects.filter(requester_id=batch.owner_id, client_id__in=ids)
    conversations = list(turns.values_list("conversation_id", flat=True))
    Conversation.objects.filter(pk__in=conversations).update(deleted_at=Now())
    Message.objects.filter(conversation__in=conversations).update(
        content="", reasoning="", extras=None, search_text=""
    )


def turn_key(batch_id: UUID, number: int, tried: int) -> UUID:
    """The idempotency key of a line's turn, by its try, counted from 1: whoever asks for the same
    try gets the same turn."""
    return uuid5(batch_id, f"{number}.{tried}")


def pause_after(failures: int, first_seconds: float, most_seconds: float = 60.0) -> timedelta:
    """How long a line is left alone after so many failures."""
    return timedelta(seconds=min(first_seconds * 2 ** min(failures - 1, 16), most_seconds))
