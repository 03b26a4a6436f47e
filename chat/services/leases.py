"""Which process owns which running turn: leases by the database's clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import DateTimeField, Exists, ExpressionWrapper, QuerySet
from django.db.models.functions import Now

from chat.models import Handover, Node, Turn, TurnState
from chat.services.interruption import turns_to_stop

FORGET_AFTER = timedelta(days=1)
"""A process that died is listed this long."""


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
    process does not own any more.

    `stray` are the running turns that name this process though it does not run them: they are being
    stored, or were by a commit whose answer got lost. `age_seconds` is how old the lease had become
    by the database's clock, below 0 if that was set back; None if there was none.
    """

    stop: Mapping[UUID, int | None] = field(default_factory=dict)
    lost: frozenset[UUID] = frozenset()
    age_seconds: float | None = None
    stray: frozenset[UUID] = frozenset()


def beat(of: BeatOf) -> BeatAnswer:
    """Renew a process's lease, and look after the turns it runs."""
    age_seconds = _renew(of)
    running = Turn.objects.filter(node=of.node, state=TurnState.RUNNING)
    waiting = Handover.objects.filter(node=of.node).values("turn_id")
    owned = frozenset(running.exclude(pk__in=waiting).values_list("id", flat=True))
    ours = frozenset(of.turn_ids)
    stop = turns_to_stop(of.turn_ids) if ours else {}
    return BeatAnswer(stop, ours - owned, age_seconds, owned - ours)


def _renew(of: BeatOf) -> float | None:
    now: dict[str, Any] = {
        "beat_at": Now(),
        "draining": of.draining,
        "running_turns": len(of.turn_ids),
    }
    with transaction.atomic():
        row = Node.objects.filter(name=of.node).values_list("beat_at", database_now()).first()
        if row is None:
            Node.objects.create(name=of.node, role=of.role, started_at=Now(), **now)
            # Once in the life of each process is often enough.
            Node.objects.filter(beat_at__lt=Now() - FORGET_AFTER).delete()
            return None
        Node.objects.filter(name=of.node).update(**now)
    beat_at, now_at = row
    return float((now_at - beat_at).total_seconds())


def database_now() -> "ExpressionWrapper[Any]":
    """The time by the database's clock, to be read beside a row."""
    return ExpressionWrapper(Now(), output_field=DateTimeField())


def living(lease_seconds: float) -> "QuerySet[Node, Any]":
    """The processes whose lease holds. One from the future is of before the database's clock was
    set back: who lives beats anew at once."""
    lease = timedelta(seconds=lease_seconds)
    return Node.objects.filter(beat_at__gt=Now() - lease, beat_at__lt=Now() + lease)


def orphaned_turns(lease_seconds: float, *, by: str = "") -> list[UUID]:
    """The running turns whose process has not beaten for `lease_seconds`, or has no row at all,
    oldest first. One that waits to be taken is none: whoever runs turns takes it.

    None while the process `by`, which asks, has no lease itself: the database's clock has jumped
    since it beat, and everybody's lease looks old.
    """
    alive = living(lease_seconds)
    running = Turn.objects.filter(state=TurnState.RUNNING, handover__isnull=True)
    orphans = running.exclude(node__in=alive.values("name"))
    if by:
        orphans = orphans.filter(Exists(alive.filter(name=by)))
    return list(orphans.order_by("created_at").values_list("id", flat=True))


def release(node: str) -> None:
    """A process ends in order: what still names it has no owner from now on."""
    Node.objects.filter(name=node).delete()


def forget_others(node: str) -> None:
    """Only this process can be alive: no lease of another means anything."""
    Node.objects.exclude(name=node).delete()
