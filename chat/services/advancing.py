"""The next message in line becomes a turn, or is refused, once the answer before it has ended."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models.functions import Now

from accounts.models import User
from accounts.policy import NotVisible, PolicyRefusal, Principal, require
from accounts.roles import Capability
from accounts.services.principals import principal_for_key_id, principal_for_user
from chat.models import Conversation, Turn, TurnState, WaitingMessage
from chat.services.admission import admit_at
from chat.services.alerts import tell_price_missing
from chat.services.announcements import LeftLine, LineChange, announce
from chat.services.errors import (
    ModelUnpriced,
    RateLimited,
    Refused,
    Restarting,
    StorageUnavailable,
    TooManyTurns,
)
from chat.services.intents import Admitted, Models
from chat.services.placing import Place, end_below
from chat.services.waiting import Wish

MOST_AT_ONCE = 50
"""Conversations that one look gives; the next look gives the others."""


PASSING = (TooManyTurns, RateLimited, Restarting, StorageUnavailable)
"""Refusals that pass by themselves."""
HELD_SECONDS = 5.0
"""A message is tried again after so long, where the refusal does not say."""


class NothingToSend(Exception):
    """No message of the conversation can be sent now."""


def send_next(conversation_id: UUID, *, models: Models, node: str) -> Admitted:
    """Admit the first message in line that is not refused; it runs on `node`.

    It is admitted for its person, below the end of the branch it was written in, with her rights,
    her budget and her limits of now. The row is deleted in the transaction that stores the turn.
    A refused one stays for its person, and the others go past it; one that a limit refuses, which
    passes by itself, is tried again later. Raises NothingToSend when nobody may go, or while an
    answer is still written there.
    """
    while WaitingMessage.objects.filter(conversation_id=conversation_id).exists():
        admitted = _take_first(conversation_id, models, node)
        if admitted is not None:
            return admitted
    raise NothingToSend


@transaction.atomic
def _take_first(conversation_id: UUID, models: Models, node: str) -> Admitted | None:
    """Take the first message that may go; None where it does not become a turn."""
    conversation = (
        Conversation.objects.select_for_update(of=("self",)).filter(pk=conversation_id).first()
    )
    row = _first_of(conversation_id)
    if conversation is None or row is None:
        raise NothingToSend
    wish = msgspec.json.decode(row.intent, type=Wish)
    end_id = end_below(conversation, wish.below)
    running = Turn.objects.filter(conversation=conversation, state=TurnState.RUNNING)
    if running.filter(assistant_message_id=end_id).exists():
        raise NothingToSend
    try:
        with transaction.atomic():
            return _admit(row, wish, Place(conversation, end_id), models, node)
    except PASSING as error:
        _hold(row, error)
    except NotVisible as error:
        _drop(row, error)
    except (Refused, PolicyRefusal) as error:
        if isinstance(error, ModelUnpriced):
            tell_price_missing(error.model)
        _refuse(row, error)
    return None


def _first_of(conversation_id: UUID) -> WaitingMessage | None:
    """The next one: past refused ones, and past those of people whose limits are reached."""
    waiting = WaitingMessage.objects.filter(conversation_id=conversation_id, refused=None)
    held = waiting.filter(not_before__gt=Now()).values("requester_id")
    rows = waiting.exclude(requester_id__in=held).select_related("requester")
    return rows.order_by("id").first()


def _admit(
    row: WaitingMessage, wish: Wish, place: Place, models: Models, node: str
) -> Admitted | None:
    if not WaitingMessage.objects.filter(pk=row.pk).delete()[0]:
        # Withdrawn a moment ago.
        return None
    announce(LineChange(row.conversation_id))
    if Turn.objects.filter(requester_id=row.requester_id, client_id=row.client_id).exists():
        return None
    principal = _principal_of(row.requester, wish, place.conversation)
    require(principal, Capability.SEND_MESSAGE, place.conversation.team_id)
    admitted = admit_at(place, principal, wish.intent, models=models, node=node)
    announce(_left(row, admitted, None))
    return admitted


def _principal_of(person: User, wish: Wish, conversation: Conversation) -> Principal:
    principal = (
        principal_for_user(person, conversation.team_id)
        if wish.key_id is None
        else principal_for_key_id(wish.key_id)
    )
    if principal is None or not person.is_active or conversation.deleted_at is not None:
        raise NotVisible
    return principal


def _hold(row: WaitingMessage, error: Refused) -> None:
    """Let the others go past it, and past all else of hers, until the limit has passed."""
    seconds = error.retry_after_seconds or HELD_SECONDS
    hers = {"conversation_id": row.conversation_id, "requester_id": row.requester_id}
    until = Now() + timedelta(seconds=seconds)
    WaitingMessage.objects.filter(**hers, refused=None).update(not_before=until)


def _refuse(row: WaitingMessage, error: Refused | PolicyRefusal) -> None:
    """Keep it for its person, who takes her text back, and for nobody else."""
    detail = error.detail if isinstance(error, Refused) else None
    refusal = {"code": error.code, "message": str(error), "detail": detail}
    rows = WaitingMessage.objects.filter(pk=row.pk)
    if rows.update(refused=msgspec.json.encode(refusal)):
        announce(LineChange(row.conversation_id))


def _drop(row: WaitingMessage, error: NotVisible) -> None:
    """Whoever may not see a conversation has nothing in its line."""
    if WaitingMessage.objects.filter(pk=row.pk).delete()[0]:
        announce(LineChange(row.conversation_id))
        announce(_left(row, None, error))


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
    """Conversations where somebody may go though no answer is written there."""
    waiting = WaitingMessage.objects.filter(refused=None)
    waiting = waiting.exclude(not_before__gt=Now())
    waiting = waiting.exclude(conversation__turns__state=TurnState.RUNNING)
    found = waiting.order_by("conversation_id").values_list("conversation_id", flat=True)
    return list(found.distinct()[:MOST_AT_ONCE])


@transaction.atomic
def drop_unentitled(person_id: int) -> int:
    """Let nothing wait that a person may not send any more; returns how many messages.

    Where she may still read they are kept for her as refused; where she may not they are dropped.
    """
    rows = WaitingMessage.objects.filter(requester_id=person_id)
    found = 0
    for row in rows.select_related("requester", "conversation"):
        wish = msgspec.json.decode(row.intent, type=Wish)
        try:
            principal = _principal_of(row.requester, wish, row.conversation)
            require(principal, Capability.SEND_MESSAGE, row.conversation.team_id)
        except NotVisible as error:
            _drop(row, error)
        except PolicyRefusal as error:
            _refuse(row, error)
        else:
            continue
        found += 1
    return found
