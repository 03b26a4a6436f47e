"""Where the messages of a turn go in the conversation's tree."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from accounts.policy import NotVisible, Principal, require
from accounts.roles import Capability
from chat.models import (
    Conversation,
    ConversationSource,
    Message,
    Turn,
    TurnState,
    WaitingMessage,
)
from chat.services.errors import ContentInvalid, PlaceTaken, TooManyTurns
from chat.services.intents import Intent

_CUT = {TurnState.FAILED, TurnState.INTERRUPTED, TurnState.BUDGET_STOPPED, TurnState.ORPHANED}


@dataclass(frozen=True, slots=True)
class Place:
    """`question` is the existing user message that is answered again; None: a new one is written
    under `parent_id`. `prefix` is the text the new answer begins with."""

    conversation: Conversation
    parent_id: UUID | None
    question: Message | None = None
    prefix: str = ""
    new_conversation: bool = False
    waits: bool = False


def find_place(principal: Principal, intent: Intent, *, lock: bool = True) -> Place:
    """Resolve an intent within the caller's transaction; the conversation's row is locked.

    With `lock` false nothing is, no transaction is needed, and a chat whose place is taken gets
    it as it is now, `waits` set: enough to tell of a turn, and not to store one.

    Raises NotVisible for anything foreign or absent, Forbidden without the right to send, or to
    read the conversation that it goes on in, ContentInvalid when the target is of the wrong kind,
    TooManyTurns while its answer is written; for a chat that is PlaceTaken: it may wait.
    """
    if intent.kind == "chat":
        return _place_chat(principal, intent, lock=lock)
    assert intent.target_id is not None
    target = Message.objects.filter(pk=intent.target_id).select_related("parent").first()
    if target is None:
        raise NotVisible
    conversation = _conversation(principal, target.conversation_id, lock=lock)
    if intent.kind == "edit":
        if target.role != Message.Role.USER:
            raise ContentInvalid("Only a person's message can be edited.", path="$.message")
        return Place(conversation, target.parent_id)
    if target.role != Message.Role.ASSISTANT:
        raise ContentInvalid("Only an answer can be written again.", path="$.message")
    prefix = _prefix_of(target) if intent.kind == "continue" else ""
    return Place(conversation, target.parent_id, question=target.parent, prefix=prefix)


def _place_chat(principal: Principal, intent: Intent, *, lock: bool) -> Place:
    if intent.conversation_id is None:
        require(principal, Capability.SEND_MESSAGE, principal.team_id)
        if intent.parent_id is not None:
            raise NotVisible
        conversation = Conversation(
            team_id=principal.team_id, owner_id=principal.user_id, updated_at=Now()
        )
        return Place(conversation, None, new_conversation=True)
    conversation = _conversation(principal, intent.conversation_id, lock=lock)
    if WaitingMessage.objects.filter(
        requester_id=principal.user_id, client_id=intent.client_id
    ).exists():
        # Sent before: it is in line, and not sent past it.
        raise PlaceTaken
    parent_id = intent.parent_id or conversation.leaf_id
    if parent_id is not None:
        if not Message.objects.filter(pk=parent_id, conversation=conversation).exists():
            raise NotVisible
        if is_taken(conversation, parent_id, principal.user_id):
            if lock:
                raise PlaceTaken
            return Place(conversation, parent_id, waits=True)
    return Place(conversation, parent_id)


def is_taken(conversation: Conversation, parent_id: UUID, person_id: int) -> bool:
    """Whether a new message of a person under `parent_id` must wait.

    It must where that answer is being written, where somebody else has asked there and is being
    answered, and where others wait already to go on from the conversation's end. Her own running
    answers do not hinder a person from beginning another branch.
    """
    running = Turn.objects.filter(conversation=conversation, state=TurnState.RUNNING)
    if running.filter(assistant_message_id=parent_id).exists():
        return True
    beside = running.filter(user_message__parent_id=parent_id)
    if beside.exclude(user_message__author_id=person_id).exists():
        return True
    if parent_id != conversation.leaf_id:
        return False
    # Past what others may not send yet one goes; past what waits of one's own one does not.
    may_go = Q(requester_id=person_id) | Q(not_before=None) | Q(not_before__lte=Now())
    waiting = WaitingMessage.objects.filter(may_go, conversation=conversation, refused=None)
    return waiting.exists()


def end_below(conversation: Conversation, message_id: UUID) -> UUID:
    """The last message of the newest branch that goes through a message."""
    newest: dict[UUID, UUID] = {}
    below = Message.objects.filter(
        conversation=conversation,
        number__gt=Message.objects.filter(pk=message_id).values("number"),
        parent__isnull=False,
    )
    for id, parent_id in below.order_by("number").values_list("id", "parent_id"):
        newest[parent_id] = id
    while message_id in newest:
        message_id = newest[message_id]
    return message_id


def lock_conversation(principal: Principal, conversation_id: UUID) -> Conversation:
    """Lock a conversation's row until the transaction ends: what goes where is decided one after
    the other. Raises NotVisible, and Forbidden without the right to read and to send."""
    return _conversation(principal, conversation_id, lock=True)


def _conversation(principal: Principal, conversation_id: UUID, *, lock: bool) -> Conversation:
    found = Conversation.objects.filter(
        pk=conversation_id, source=ConversationSource.PAGE, deleted_at=None
    )
    conversation = (found.select_for_update(of=("self",)) if lock else found).first()
    if conversation is None:
        raise NotVisible
    require(principal, Capability.SEND_MESSAGE, conversation.team_id)
    # Whoever goes on in it can have the model say what stands in it.
    require(principal, Capability.READ_CONVERSATION, conversation.team_id)
    return conversation


def _prefix_of(answer: Message) -> str:
    turn = Turn.objects.get(assistant_message=answer)
    if turn.state == TurnState.RUNNING:
        raise TooManyTurns("This answer is still being written.")
    if turn.state not in _CUT and turn.finish_reason != "length":
        raise ContentInvalid("This answer is complete; there is nothing to go on from.")
    return answer.content
