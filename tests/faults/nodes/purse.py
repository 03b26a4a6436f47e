"""What an administrator does with the money of a running cluster, by the product's own services.

Run as ``python -m tests.faults.nodes.purse`` in a node's environment: takes orders as JSON, one a
line, does each, and prints what became of it as JSON.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
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
    below zero: lower the limits to so much less than is used. `price_usd`: what a million tokens
    of `priced` cost from now on, in and out. `verify`: look at the ledger then.
    """

    team: UUID
    left: int | None = None
    end: bool = False
    limits: list[Wanted] = []
    room: int | None = None
    person: int | None = None
    conversation: UUID | None = None
    priced: str = ""
    price_usd: str = ""
    verify: bool = True


class Outcome(msgspec.Struct, kw_only=True):
    """The keys of the limits set, and what `verifyledger` would name."""

    limits: list[int]
    differences: list[str]


class Purse:
    """The process that does the orders, on the database of a cluster; the first one starts it."""

    def __init__(self, cluster: Cluster) -> None:
        self._env = cluster[0].env
        self._process: subprocess.Popen[bytes] | None = None

    def do(self, order: Order) -> Outcome:
        """Have it done; what was wrong is on standard error."""
        self._process = self._process or subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nodes.purse"],
            cwd=ROOT,
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=Outcome)

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.communicate()


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
    if order.priced:
        _price(order.priced, order.price_usd)
    found = verify().differences if order.verify else ()
    return Outcome(limits=made, differences=[f"{each.code} {each.where}" for each in found])


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


def _price(model: str, usd: str) -> None:
    from billing.money import usd_to_nano
    from billing.prices import NewPrice, set_price

    nano_usd = usd_to_nano(usd)
    set_price(model, NewPrice(nano_usd, nano_usd))


def main() -> None:
    """Do the orders on standard input."""
    import django
    from django.db import connection

    django.setup()
    for line in sys.stdin.buffer:
        outcome = _do(msgspec.json.decode(line, type=Order))
        # The database may have been started anew by the next one.
        connection.close()
        print(msgspec.json.encode(outcome).decode(), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main()
