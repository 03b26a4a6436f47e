"""Settle turns whose process died: keep the journaled text, estimate the cost."""

from uuid import UUID

from django.conf import settings

from chat.models import AttemptOutcome, JournalChunk, Turn, TurnState
from chat.services.attempts import AttemptEnd
from chat.services.ending import Ended, TurnEnd, end_turn
from chat.services.prompts import branch_above, build_prompt


def running_turns(besides_node: str) -> list[UUID]:
    """The turns that are stored as running, but for those of one process, oldest first."""
    return list(
        Turn.objects.filter(state=TurnState.RUNNING)
        .exclude(node=besides_node)
        .order_by("created_at")
        .values_list("id", flat=True)
    )


def recover_turn(turn_id: UUID) -> Ended | None:
    """Take a dead process's turn over and end it as orphaned with every journaled character.

    Raising the epoch first makes the old owner, should it still live, write nowhere. None: the
    turn had ended meanwhile.
    """
    turn = Turn.objects.select_related("assistant_message").get(pk=turn_id)
    taken = Turn.objects.filter(pk=turn_id, epoch=turn.epoch, state=TurnState.RUNNING).update(
        epoch=turn.epoch + 1
    )
    if not taken:
        return None
    chunks = list(JournalChunk.objects.filter(turn_id=turn_id).order_by("epoch", "seq"))
    content = "".join(chunk.content for chunk in chunks)
    reasoning = "".join(chunk.reasoning for chunk in chunks)
    # A continued answer begins with text that was paid for before.
    prefix = turn.assistant_message.content
    prompt = build_prompt(
        above=branch_above(turn.user_message_id, settings.TURNS.max_prompt_bytes),
        content=None,
        prefix=prefix,
        system=None,
    )
    # Which tries there were died with the process; the text of all counts as one.
    attempt = AttemptEnd(
        number=1,
        relay=turn.route,
        model=turn.model,
        outcome=AttemptOutcome.INTERRUPTED,
        billed=True,
        sent=True,
        prompt=prompt,
        generated=reasoning + content.removeprefix(prefix),
        error_code="restarting",
    )
    return end_turn(
        TurnEnd(
            turn_id=turn_id,
            epoch=turn.epoch + 1,
            model=turn.model,
            state=TurnState.ORPHANED,
            content=content or prefix,
            reasoning=reasoning,
            attempts=(attempt,),
            error_code="restarting",
            error_message="The server stopped while this answer was written. Continue from here.",
        )
    )
