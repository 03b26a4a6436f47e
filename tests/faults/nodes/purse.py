"""What an administrator does with the money of a running cluster, by the product's own services.

Run as ``python -m tests.faults.nodes.purse`` in a node's environment: takes one order as JSON, does
it, and prints what became of it as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from tests.cluster import Cluster
from tests.processes import ROOT


class Wanted(msgspec.Struct, kw_only=True):
    """A hard limit to set; who of the team it is about is told by the scope."""

    scope: str
    nano_usd: int
    period: str = "none"
    person: int | None = None
    conversation: UUID | None = None


class Order(msgspec.Struct, kw_only=True):
    """What to do, in this order. Amounts in nano-USD.

    `left`: what the team's credit is to have left. `end`: end all limits. `limits`: set these.
    `room`: give so much room to each limit above `person` and `conversation`, and to the credit;
    below zero: lower the limits to so much less than is used.
    """

    team: UUID
    left: int | None = None
    end: bool = False
    limits: list[Wanted] = []
    room: int | None = None
    person: int | None = None
    conversation: UUID | None = None


class Outcome(msgspec.Struct, kw_only=True):
    """The keys of the limits set, and what `verifyledger` would name."""

    limits: list[int]
    differences: list[str]


def ordered(cluster: Cluster, order: Order) -> Outcome:
    """Have an order done on the database of a cluster."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.nodes.purse"],
        cwd=ROOT,
        env=cluster[0].env,
        input=msgspec.json.encode(order),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return msgspec.json.decode(done.stdout, type=Outcome)


def _do(order: Order) -> Outcome:
    from billing.limit_setting import end_limit
    from billing.models import Limit
    from billing.verification import verify

    if order.left is not None:
        _leave(order.team, order.left)
    if order.end:
        for limit in Limit.objects.filter(ended_at=None):
            end_limit(limit.pk)
    made = _limits(order.team, order.limits)
    if order.room is not None:
        _make_room(order, order.room)
    return Outcome(limits=made, differences=[each.code for each in verify().differences])


def _leave(team_id: UUID, left_nano_usd: int) -> None:
    from billing.budgets import budget_of, grant_credit

    more = left_nano_usd - budget_of(team_id).remaining_nano_usd
    if more:
        grant_credit(team_id=team_id, amount_nano_usd=more)


def _limits(team_id: UUID, wanted: Sequence[Wanted]) -> list[int]:
    from billing.limit_setting import NewLimit, set_limit
    from billing.models import LimitScope, Period

    made = []
    for each in wanted:
        scope = LimitScope(each.scope)
        limit = NewLimit(
            scope=scope,
            amount_nano_usd=each.nano_usd,
            team_id=None if scope == LimitScope.INSTALLATION else team_id,
            person_id=each.person,
            conversation_id=each.conversation,
            period=Period(each.period),
        )
        made.append(set_limit(limit).pk)
    return made


def _make_room(order: Order, nano_usd: int) -> None:
    from billing.limit_setting import change_limit
    from billing.limits import current_periods, limits_above
    from billing.models import Budget

    assert order.person is not None
    above = limits_above(order.team, order.person, order.conversation)
    for key, (limit, _) in current_periods(above).items():
        budget = Budget.objects.filter(key=key).first() or Budget()
        used = budget.posted_nano_usd + budget.held_nano_usd
        change_limit(limit.pk, amount_nano_usd=used + nano_usd)
    if nano_usd > 0:
        _leave(order.team, nano_usd)


def main() -> None:
    """Do the order on standard input."""
    import django

    django.setup()
    outcome: Any = _do(msgspec.json.decode(sys.stdin.buffer.read(), type=Order))
    print(json.dumps(msgspec.to_builtins(outcome)))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main()
