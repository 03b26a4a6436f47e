"""Where the messages of a turn go in the conversation's tree."""

from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone

from accounts.models import Team
from accounts.policy import NotVisible, Principal, require
from accounts.roles import Capability
from chat.models import Conversation, Message, Turn, TurnState
from chat.services.errors import ContentInvalid, TooManyTurns
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


def find_place(principal: Principal, intent: Intent) -> Place:
    """Resolve an intent within the caller's transaction; the conversation's row is locked.

    Raises NotVisible for anything foreign or absent, Forbidden without the right to send,
    ContentInvalid when the target is of the wrong kind, TooManyTurns while its answer is written.
    """
    if intent.kind == "chat":
        return _place_chat(principal, intent)
    assert intent.target_id is not None
    target = Message.objects.filter(pk=intent.target_id).select_related("parent").first()
    if target is None:
        raise NotVisible
    conversation = _locked(principal, target.conversation_id)
    if intent.kind == "edit":
        if target.role != Message.Role.USER:
            raise ContentInvalid("Only a person's message can be edited.", path="$.message")
        return Place(conversation, target.parent_id)
    if target.role != Message.Role.ASSISTANT:
        raise ContentInvalid("Only an answer can be written again.", path="$.message")
    prefix = _prefix_of(target) if intent.kind == "continue" else ""
    return Place(conversation, target.parent_id, question=target.parent, prefix=prefix)


def _place_chat(principal: Principal, intent: Intent) -> Place:
    if intent.conversation_id is None:
        require(principal, Capability.SEND_MESSAGE, principal.team_id)
        if intent.parent_id is not None:
            raise NotVisible
        team = Team.objects.get(pk=principal.team_id)
        now = timezone.now()
        conversation = Conversation(team=team, owner_id=principal.user_id, updated_at=now)
        return Place(conversation, None, new_conversation=True)
    conversation = _locked(principal, intent.conversation_id)
    parent_id = intent.parent_id or conversation.leaf_id
    if parent_id is not None:
        parent = Message.objects.filter(pk=parent_id, conversation=conversation).first()
        if parent is None:
            raise NotVisible
        if Turn.objects.filter(assistant_message=parent, state=TurnState.RUNNING).exists():
            raise TooManyTurns("An answer is still being written here. Wait for it, or stop it.")
    return Place(conversation, parent_id)


def _locked(principal: Principal, conversation_id: UUID) -> Conversation:
    conversation = (
        Conversation.objects.select_for_update(of=("self",))
        .filter(pk=conversation_id, deleted_at=None)
        .first()
    )
    if conversation is None:
        raise NotVisible
    require(principal, Capability.SEND_MESSAGE, conversation.team_id)
    return conversation


def _prefix_of(answer: Message) -> str:
    turn = Turn.objects.get(assistant_message=answer)
    if turn.state == TurnState.RUNNING:
        raise TooManyTurns("This answer is still being written.")
    if turn.state not in _CUT and turn.finish_reason != "length":
        raise ContentInvalid("This answer is complete; there is nothing to go on from.")
    return answer.content
