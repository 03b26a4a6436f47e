"""Turns handed from a process that runs none to one that does: stored with the turn, taken once."""

import random
from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from chat.models import Handover, Node, Turn, TurnState
from chat.services.errors import NoRunner
from chat.services.intents import Admitted
from chat.services.leases import living
from chat.services.recovery import recover_turn

NEARLY_AS_FEW = 1.25
"""Runners with up to so many times the turns of the least busy one, and two more, are as good: what
is known of them is a beat old, and not everybody shall choose the same."""
NEARLY_AS_FEW_TURNS = 2

Outcome = TypeVar("Outcome")


def hand_over(admit: Callable[..., Outcome]) -> Outcome:
    """Store a turn for a process that runs turns; `admit(node=...)` stores it, in one transaction
    with what hands it over.

    Raises NoRunner, with nothing stored, and what `admit` raises.
    """
    with transaction.atomic():
        node = _choose_runner()
        outcome = admit(node=node)
        if isinstance(outcome, Admitted) and outcome.created:
            Handover.objects.create(
                turn_id=outcome.turn_id, node=node, admitted=msgspec.json.encode(outcome)
            )
    return outcome


def _choose_runner(besides: str = "") -> str:
    """A living process that takes turns, with nearly as few as any. Raises NoRunner."""
    runners = living(settings.NODES.lease_seconds).filter(
        role__in=(Node.Role.ALL, Node.Role.RUNNER), draining=False
    )
    found = list(runners.exclude(name=besides).values_list("running_turns", "name"))
    if not found:
        raise NoRunner
    most = min(found)[0] * NEARLY_AS_FEW + NEARLY_AS_FEW_TURNS
    return random.choice([name for turns, name in found if turns <= most])  # noqa: S311


@transaction.atomic
def take(node: str) -> list[Admitted]:
    """Take the turns that are handed to `node`, and those handed to a process that has died
    meanwhile. Each is taken once: whoever deletes its row runs it."""
    alive = living(settings.NODES.lease_seconds).filter(name=OuterRef("node"))
    for_us = Handover.objects.filter(Q(node=node) | ~Exists(alive))
    rows = list(for_us.select_for_update(of=("self",), skip_locked=True).order_by("created_at"))
    Handover.objects.filter(pk__in=[row.pk for row in rows]).delete()
    taken = [msgspec.json.decode(row.admitted, type=Admitted) for row in rows]
    still_ours = set(
        Turn.objects.filter(
            pk__in=[each.turn_id for each in taken], state=TurnState.RUNNING
        ).values_list("pk", "epoch")
    )
    taken = [each for each in taken if (each.turn_id, each.epoch) in still_ours]
    Turn.objects.filter(pk__in=[each.turn_id for each in taken]).update(node=node)
    return taken


@transaction.atomic
def hand_on(node: str) -> dict[UUID, str]:
    """Hand what waits for `node`, which ends, to other processes; returns which turn went where.
    What no other one can take stays."""
    rows = Handover.objects.filter(node=node).select_for_update(of=("self",), skip_locked=True)
    moved = {}
    for row in rows:
        try:
            other = _choose_runner(besides=node)
        except NoRunner:
            break
        Handover.objects.filter(pk=row.pk).update(node=other)
        Turn.objects.filter(pk=row.pk, state=TurnState.RUNNING).update(node=other)
        moved[row.pk] = other
    return moved


def give_up() -> int:
    """Where no process is left that runs turns: end what nobody will take, at no charge. Returns
    how many turns that were."""
    runners = living(settings.NODES.lease_seconds).exclude(role=Node.Role.WEB)
    if runners.exists():
        return 0
    waiting = list(Handover.objects.values_list("pk", flat=True))
    return sum(recover_turn(turn_id) is not None for turn_id in waiting)
