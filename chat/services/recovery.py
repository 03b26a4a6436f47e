"""Settle turns whose process died: keep the journaled text, estimate the cost."""

import hashlib
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import transaction

from chat.models import (
    AttemptOutcome,
    Handover,
    JournalChunk,
    Message,
    Turn,
    TurnRequest,
    TurnState,
)
from chat.relay.extras import merged, text_of_extras
from chat.search import fold
from chat.services.attempts import AttemptEnd
from chat.services.ending import Ended, TurnEnd, end_turn
from chat.services.intents import PromptMessage
from chat.services.prompts import branch_above, build_prompt

MESSAGE = "The server stopped while this answer was written. Continue from here."
MESSAGE_UNBEGUN = "The server stopped before this answer was begun. Nothing was charged."


def recover_turn(turn_id: UUID) -> Ended | None:
    """Take a dead process's turn over and end it as orphaned with every journaled character.

    Raising the epoch first makes the old owner, should it still live, write nowhere. None: the
    turn had ended meanwhile, or somebody else took it.
    """
    turn = Turn.objects.select_related("assistant_message").filter(pk=turn_id).first()
    if turn is None:
        return None
    with transaction.atomic():
        running = Turn.objects.filter(pk=turn_id, epoch=turn.epoch, state=TurnState.RUNNING)
        if not running.update(epoch=turn.epoch + 1):
            return None
        if Handover.objects.filter(turn_id=turn_id).delete()[0]:
            return _end_unbegun(turn)
    chunks = _journaled(turn)
    content = "".join(chunk.content for chunk in chunks)
    reasoning = "".join(chunk.reasoning for chunk in chunks)
    extras = merged(msgspec.json.decode(each.extras) for each in chunks if each.extras) or None
    # A continued answer begins with text that was paid for before.
    prefix = turn.assistant_message.content
    prompt = _asked_by_program(turn) or build_prompt(
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
        generated=reasoning + content.removeprefix(prefix) + text_of_extras(extras),
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
            extras=extras,
            attempts=(attempt,),
            error_code="restarting",
            error_message=MESSAGE,
        )
    )


def _asked_by_program(turn: Turn) -> tuple[PromptMessage, ...]:
    request = TurnRequest.objects.filter(turn_id=turn.pk).first()
    if request is None:
        return ()
    return msgspec.json.decode(bytes(request.prompt), type=tuple[PromptMessage, ...])


def _journaled(turn: Turn) -> list[JournalChunk]:
    """The chunks of a turn up to the first one that is missing.

    Only its owner of before wrote any, in one epoch: who takes a turn over writes none. A hole is
    left only by a database that lost commits as it crashed.
    """
    chunks: list[JournalChunk] = []
    newest = JournalChunk.objects.filter(turn_id=turn.pk).order_by("-epoch").first()
    if newest is not None:
        rows = JournalChunk.objects.filter(turn_id=turn.pk, epoch=newest.epoch).order_by("seq")
        for number, chunk in enumerate(rows, start=1):
            if chunk.seq != number:
                break
            chunks.append(chunk)
    return chunks


def _end_unbegun(turn: Turn) -> Ended | None:
    """End a turn that waited to be taken by the process that died: no relay was ever asked."""
    return end_turn(
        TurnEnd(
            turn_id=turn.pk,
            epoch=turn.epoch + 1,
            model=turn.model,
            state=TurnState.ORPHANED,
            content=turn.assistant_message.content,
            reasoning="",
            attempts=(),
            error_code="restarting",
            error_message=MESSAGE_UNBEGUN,
        )
    )


def complete_text(end: TurnEnd) -> bool:
    """Give a turn that was taken over the rest of its text, which its old owner had kept.

    Only where the stored text is the beginning of it: nothing is ever shortened or replaced, and
    the cost stays as it was settled. Says whether anything was added.
    """
    turn = Turn.objects.select_related("assistant_message").filter(pk=end.turn_id).first()
    if turn is None or turn.state != TurnState.ORPHANED or end.epoch >= turn.epoch:
        return False
    stored = turn.assistant_message
    begins = end.content.startswith(stored.content) and end.reasoning.startswith(stored.reasoning)
    if not begins or (end.content, end.reasoning) == (stored.content, stored.reasoning):
        return False
    with transaction.atomic():
        sha256 = hashlib.sha256(end.content.encode()).hexdigest()
        taken = Turn.objects.filter(
            pk=turn.pk, state=TurnState.ORPHANED, epoch=turn.epoch, sha256=turn.sha256
        ).update(sha256=sha256)
        if taken:
            Message.objects.filter(pk=stored.pk).update(
                content=end.content,
                reasoning=end.reasoning,
                extras=end.extras,
                search_text=fold(end.content),
            )
    return bool(taken)
