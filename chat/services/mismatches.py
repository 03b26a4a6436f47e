"""What a client says it held of an ended turn, beside what is stored."""

from dataclasses import dataclass
from uuid import UUID

from accounts.policy import NotVisible, Principal, require
from accounts.roles import Capability
from chat.models import Turn, TurnState


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A client's text that is not the stored one, by its length in characters."""

    turn_id: UUID
    epoch: int
    held_characters: int
    stored_characters: int


def weigh_report(
    principal: Principal, turn_id: UUID, sha256: str, characters: int
) -> Mismatch | None:
    """Compare what a client held of a turn with what is stored; None if they do not differ, or the
    turn still runs.

    Raises NotVisible.
    """
    turns = Turn.objects.select_related("conversation", "assistant_message")
    turn = turns.filter(pk=turn_id).first()
    if turn is None or turn.conversation.deleted_at is not None:
        raise NotVisible
    require(principal, Capability.READ_CONVERSATION, turn.team_id)
    if turn.state == TurnState.RUNNING or turn.sha256 == sha256:
        return None
    return Mismatch(turn.pk, turn.epoch, characters, len(turn.assistant_message.content))
