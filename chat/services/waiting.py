"""Messages that wait for the answer before them: put in line, taken back, dropped with the rights.

A message is in the table as long as it waits. The order of its ids is the order for everybody: a
row is written while the conversation is locked.
"""

from dataclasses import dataclass
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.policy import NotVisible, Principal
from chat.models import Conversation, Turn, WaitingMessage
from chat.services.admission import start_turn
from chat.services.announcements import LineChange, announce
from chat.services.errors import IdempotencyMismatch, LineFull, PlaceTaken
from chat.services.intents import Admitted, Intent, Models
from chat.services.placing import find_place, lock_conversation

TRIES = 5
"""The place may become free, and be taken again, between two looks at it."""


class Wish(msgspec.Struct, frozen=True):
    """What is stored of a waiting message: what was asked, below which message, and by which API
    key (none: in a session)."""

    intent: Intent
    below: UUID
    key_id: int | None = None


@dataclass(frozen=True, slots=True)
class InLine:
    """A message that waits; `position` counts from 1."""

    client_id: UUID
    conversation_id: UUID
    team_id: UUID
    position: int


def send(principal: Principal, intent: Intent, *, models: Models, node: str) -> Admitted | InLine:
    """Start the turn that `intent` asks for, or put a chat in line whose place is taken.

    Raises as `start_turn`, and LineFull.
    """
    for _ in range(TRIES):
        try:
            return start_turn(principal, intent, models=models, node=node)
        except PlaceTaken:
            waiting = _line_up(principal, intent)
            if waiting is not None:
                return waiting
    raise PlaceTaken


def _line_up(principal: Principal, intent: Intent) -> InLine | None:
    """Put a message in line; None if the place is free by now, or the message was sent."""
    assert intent.conversation_id is not None
    try:
        with transaction.atomic():
            conversation = lock_conversation(principal, intent.conversation_id)
            own = {"requester_id": principal.user_id, "client_id": intent.client_id}
            row = WaitingMessage.objects.filter(**own).first()
            if row is None:
                if Turn.objects.filter(**own).exists() or _is_free(principal, intent):
                    return None
                row = _write(principal, intent, conversation)
            elif row.payload_sha256 != intent.sha256:
                raise IdempotencyMismatch
            return _in_line(row, conversation.team_id)
    except IntegrityError:
        # The same send arrived twice at once, for two conversations.
        return None


def _is_free(principal: Principal, intent: Intent) -> bool:
    try:
        find_place(principal, intent)
    except PlaceTaken:
        return False
    return True


def _write(principal: Principal, intent: Intent, conversation: Conversation) -> WaitingMessage:
    _check_limits(principal.user_id, conversation)
    below = intent.parent_id or conversation.leaf_id
    assert below is not None
    key_id = int(principal.credential) if principal.via == "api_key" else None
    row = WaitingMessage.objects.create(
        conversation=conversation,
        requester_id=principal.user_id,
        client_id=intent.client_id,
        payload_sha256=intent.sha256,
        content=intent.content,
        intent=msgspec.json.encode(Wish(intent, below, key_id)),
    )
    announce(LineChange(conversation.pk))
    return row


def _check_limits(person_id: int, conversation: Conversation) -> None:
    limits = settings.TURNS
    waiting = WaitingMessage.objects.filter(conversation=conversation, refused=None).count()
    if waiting >= limits.max_waiting_messages:
        raise LineFull(
            f"{waiting} messages wait in this conversation already. Wait until one is answered.",
            limit="conversation_waiting",
            maximum=limits.max_waiting_messages,
        )
    # Locked, so that two sends to two conversations are counted one after the other.
    list(User.objects.select_for_update(no_key=True).filter(pk=person_id).values("pk"))
    own = WaitingMessage.objects.filter(requester_id=person_id).count()
    if own >= limits.max_waiting_messages_per_person:
        raise LineFull(
            f"{own} messages of yours wait already. Wait until one is answered, or withdraw one.",
            limit="person_waiting",
            maximum=limits.max_waiting_messages_per_person,
        )


def _in_line(row: WaitingMessage, team_id: UUID) -> InLine:
    before = WaitingMessage.objects.filter(
        conversation_id=row.conversation_id, pk__lt=row.pk, refused=None
    )
    return InLine(row.client_id, row.conversation_id, team_id, before.count() + 1)


@transaction.atomic
def withdraw(principal: Principal, client_id: UUID) -> None:
    """Take back a message of one's own. NotVisible if it does not wait (any more)."""
    own = WaitingMessage.objects.filter(requester_id=principal.user_id, client_id=client_id)
    conversation_id = own.values_list("conversation_id", flat=True).first()
    # Whoever deletes the row decides: the message is withdrawn, or it becomes a turn.
    if conversation_id is None or not own.delete()[0]:
        raise NotVisible
    announce(LineChange(conversation_id))
