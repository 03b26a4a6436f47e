"""The next message in line becomes a turn, or is refused, once the answer before it has ended."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from django.db import transaction

from accounts.models import User
from accounts.policy import Forbidden, PolicyRefusal, Principal, require
from accounts.roles import Capability
from accounts.services.principals import principal_for_key_id, principal_for_user
from chat.models import Conversation, Turn, TurnState, WaitingMessage
from chat.services.admission import admit_at
from chat.services.announcements import LeftLine, LineChange, announce
from chat.services.errors import Refused
from chat.services.intents import Admitted, Models
from chat.services.placing import Place, end_below
from chat.services.waiting import Wish

MOST_AT_ONCE = 50
"""Conversations that one look gives; the next look gives the others."""


class NothingToSend(Exception):
    """No message of the conversation can be sent now."""


def send_next(conversation_id: UUID, *, models: Models, node: str) -> Admitted:
    """Admit the first message in line that is not refused; it runs on `node`.

    It is admitted for its person, below the end of the branch it was written in, with her rights,
    her budget and her limits of now. The row is deleted in the transaction that stores the turn.
    Refused ones leave the line and are announced. Raises NothingToSend when nobody waits, or while
    an answer is still written there.
    """
    while WaitingMessage.objects.filter(conversation_id=conversation_id).exists():
        admitted = _take_first(conversation_id, models, node)
        if admitted is not None:
            return admitted
    raise NothingToSend


@transaction.atomic
def _take_first(conversation_id: UUID, models: Models, node: str) -> Admitted | None:
    """Take the first message out of the line; None where it does not become a turn."""
    conversation = (
        Conversation.objects.select_for_update(of=("self",)).filter(pk=conversation_id).first()
    )
    waiting = WaitingMessage.objects.filter(conversation_id=conversation_id)
    row = waiting.select_related("requester").order_by("id").first()
    if conversation is None or row is None:
        raise NothingToSend
    wish = msgspec.json.decode(row.intent, type=Wish)
    end_id = end_below(conversation, wish.below)
    running = Turn.objects.filter(conversation=conversation, state=TurnState.RUNNING)
    if running.filter(assistant_message_id=end_id).exists():
        raise NothingToSend
    if not waiting.filter(pk=row.pk).delete()[0]:
        # Withdrawn a moment ago.
        return None
    announce(LineChange(conversation_id))
    if Turn.objects.filter(requester_id=row.requester_id, client_id=row.client_id).exists():
        return None
    return _admit(row, wish, Place(conversation, end_id), models, node)


def _admit(
    row: WaitingMessage, wish: Wish, place: Place, models: Models, node: str
) -> Admitted | None:
    admitted, refusal = None, None
    try:
        with transaction.atomic():
            principal = _principal_of(row.requester, wish, place.conversation)
            require(principal, Capability.SEND_MESSAGE, place.conversation.team_id)
            admitted = admit_at(place, principal, wish.intent, models=models, node=node)
    except (Refused, PolicyRefusal) as error:
        refusal = error
    announce(_left(row, admitted, refusal))
    return admitted


def _principal_of(person: User, wish: Wish, conversation: Conversation) -> Principal:
    principal = (
        principal_for_user(person, conversation.team_id)
        if wish.key_id is None
        else principal_for_key_id(wish.key_id)
    )
    if principal is None or not person.is_active or conversation.deleted_at is not None:
        raise Forbidden
    return principal


def _left(row: WaitingMessage, admitted: Admitted | None, refusal: Exception | None) -> LeftLine:
    return LeftLine(
        conversation_id=row.conversation_id,
        person_id=row.requester_id,
        client_id=row.client_id,
        content=row.content,
        admitted=admitted,
        refusal=refusal,
    )


def free_lines() -> Sequence[UUID]:
    """Conversations where somebody waits though no answer is written there."""
    waiting = WaitingMessage.objects.exclude(conversation__turns__state=TurnState.RUNNING)
    found = waiting.order_by("conversation_id").values_list("conversation_id", flat=True)
    return list(found.distinct()[:MOST_AT_ONCE])


@transaction.atomic
def drop_unentitled(person_id: int) -> int:
    """Drop the waiting messages that a person may not send any more; returns how many."""
    rows = WaitingMessage.objects.filter(requester_id=person_id).select_related(
        "requester", "conversation"
    )
    dropped = 0
    for row in rows:
        wish = msgspec.json.decode(row.intent, type=Wish)
        try:
            principal = _principal_of(row.requester, wish, row.conversation)
            require(principal, Capability.SEND_MESSAGE, row.conversation.team_id)
        except PolicyRefusal as error:
            if WaitingMessage.objects.filter(pk=row.pk).delete()[0]:
                dropped += 1
                announce(LineChange(row.conversation_id))
                announce(_left(row, None, error))
    return dropped
