"""Stop a turn that runs in another process, by what its owner polls."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from accounts.models import Membership
from accounts.policy import NotVisible, Principal, allows, require
from accounts.roles import Capability
from chat.models import ConversationSource, Turn, TurnState


@dataclass(frozen=True, slots=True)
class TurnPlace:
    """Where a turn belongs, which process runs it, how it stands, and whether who asks may read
    it."""

    turn_id: UUID
    conversation_id: UUID
    node: str
    running: bool
    may_read: bool


def place_to_interrupt(principal: Principal, turn_id: UUID) -> TurnPlace:
    """Find a turn that a person wants to stop and may stop. Raises NotVisible or Forbidden."""
    turn = Turn.objects.select_related("conversation").filter(pk=turn_id).first()
    if turn is None or turn.conversation.deleted_at is not None:
        raise NotVisible
    require(principal, Capability.INTERRUPT_TURN, turn.team_id)
    # Stopping is no reading: a key may lack it, and what programs asked is shown to nobody else.
    is_shown = turn.conversation.source == ConversationSource.PAGE
    return TurnPlace(
        turn.id,
        turn.conversation_id,
        turn.node,
        running=turn.state == TurnState.RUNNING,
        may_read=is_shown and allows(principal, Capability.READ_CONVERSATION, turn.team_id),
    )


def request_interrupt(principal: Principal, turn_id: UUID) -> TurnPlace:
    """Ask the owner of a turn to stop it. Asking for an ended turn changes nothing.

    Raises NotVisible or Forbidden.
    """
    place = place_to_interrupt(principal, turn_id)
    note_interrupt(turn_id, principal.user_id)
    return place


def note_interrupt(turn_id: UUID, by_id: int) -> None:
    """The same without asking the policy: whoever asked for a turn may always let go of it."""
    Turn.objects.filter(
        pk=turn_id, state=TurnState.RUNNING, interrupt_requested_at__isnull=True
    ).update(interrupt_requested_at=Now(), interrupted_by=by_id)


def turns_to_stop(turn_ids: Sequence[UUID]) -> dict[UUID, int | None]:
    """Of these turns those that must stop, with the id of the person who asked for it.

    Somebody asked, or nobody can want it any more: the conversation was deleted while the turn was
    being admitted, the person who asked for it was disabled, or the API key by which it was asked
    for was revoked or has lost its team.
    """
    in_team = Membership.objects.filter(
        team_id=OuterRef("team_id"), user_id=OuterRef("requester_id")
    )
    no_longer_wanted = (
        Q(interrupt_requested_at__isnull=False)
        | Q(conversation__deleted_at__isnull=False)
        | Q(requester__is_active=False)
        | Q(api_key__revoked_at__isnull=False)
        | (Q(api_key__isnull=False) & ~Exists(in_team))
    )
    found = Turn.objects.filter(no_longer_wanted, pk__in=turn_ids, state=TurnState.RUNNING)
    return dict(found.values_list("id", "interrupted_by_id"))
