"""Remove what the journal still has of turns that do not run any more."""

from chat.models import JournalChunk, Turn, TurnState


def prune_journal() -> int:
    """Remove the rows of turns that have ended or are gone; gives how many rows."""
    running = Turn.objects.filter(state=TurnState.RUNNING)
    removed, _ = JournalChunk.objects.exclude(turn_id__in=running.values("pk")).delete()
    return removed
