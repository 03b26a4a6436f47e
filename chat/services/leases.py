"""Which process owns which running turn: leases by the database's clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.db.models.functions import Now

from chat.models import Node, Turn, TurnState
from chat.services.interruption import turns_to_stop


@dataclass(frozen=True, slots=True)
class BeatOf:
    """What a process says of itself with each beat."""

    node: str
    role: str
    draining: bool
    turn_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class BeatAnswer:
    """Of the turns of the beat: those that must stop, with who asked for it, and those that this
    process does not own any more."""

    stop: Mapping[UUID, int | None] = field(default_factory=dict)
    lost: frozenset[UUID] = frozenset()


def beat(of: BeatOf) -> BeatAnswer:
    """Renew a process's lease, and look after the turns it runs."""
    now = {"beat_at": Now(), "draining": of.draining, "running_turns": len(of.turn_ids)}
    Node.objects.update_or_create(
        name=of.node, defaults=now, create_defaults={**now, "role": of.role, "started_at": Now()}
    )
    if not of.turn_ids:
        return BeatAnswer()
    owned = Turn.objects.filter(pk__in=of.turn_ids, node=of.node, state=TurnState.RUNNING)
    lost = frozenset(of.turn_ids) - frozenset(owned.values_list("id", flat=True))
    return BeatAnswer(turns_to_stop(of.turn_ids), lost)


def orphaned_turns(lease_seconds: float) -> list[UUID]:
    """The running turns whose process has not beaten for `lease_seconds`, or has no row at all,
    oldest first."""
    alive = Node.objects.filter(beat_at__gt=Now() - timedelta(seconds=lease_seconds))
    orphans = Turn.objects.filter(state=TurnState.RUNNING).exclude(node__in=alive.values("name"))
    return list(orphans.order_by("created_at").values_list("id", flat=True))


def release(node: str) -> None:
    """A process ends in order: what still names it has no owner from now on."""
    Node.objects.filter(name=node).delete()
