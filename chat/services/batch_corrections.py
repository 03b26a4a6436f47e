"""What a turn cost after all, told to it and to the batch whose line it answers."""

from uuid import UUID

from django.db import transaction
from django.db.models import F

from chat.models import Batch, BatchLine, LineState, Turn
from chat.services.batch_changes import lock_batch


@transaction.atomic
def correct_turn(turn_id: UUID, cost_nano_usd: int) -> None:
    """Note another cost on a turn that has ended. A line's earlier tries, which it names no more,
    stay in its sums as they were settled."""
    line = BatchLine.objects.filter(turn_id=turn_id).values("pk", "batch_id").first()
    if line is not None:
        # Before the turn is read: an end that is being taken counts the one cost or the other.
        lock_batch(line["batch_id"])
    before = Turn.objects.filter(pk=turn_id).values_list("cost_nano_usd", flat=True).first()
    if before is None or before == cost_nano_usd:
        return
    Turn.objects.filter(pk=turn_id).update(cost_nano_usd=cost_nano_usd)
    if line is None:
        return
    shifted = {"cost_nano_usd": F("cost_nano_usd") + cost_nano_usd - before}
    counted = BatchLine.objects.filter(pk=line["pk"], turn_id=turn_id)
    if counted.exclude(state=LineState.RUNNING).update(**shifted):
        Batch.objects.filter(pk=line["batch_id"]).update(**shifted)
