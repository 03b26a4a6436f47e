"""Planting differences by raw SQL, and what the chain says about them."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection

from accounts.models import Team
from billing.fold import Difference
from billing.guards import create_guards, guard_names
from billing.models import Transfer
from billing.verification import verify


def without_guards(act: Callable[[], Any]) -> None:
    """Do what only somebody with the database's own rights could do, then guard it again."""
    with connection.cursor() as cursor:
        for name in guard_names(connection.vendor):
            table = name.rsplit("_refuse_", 1)[0]
            on = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER {name}{on}")
    act()
    create_guards(connection)


def plant(*statements: tuple[str, Sequence[Any]]) -> None:
    """Run raw SQL with the guards gone."""

    def run() -> None:
        with connection.cursor() as cursor:
            for statement, values in statements:
                cursor.execute(statement, values)

    without_guards(run)


def chain_found() -> list[Difference]:
    """What the chain and the anchors say, without what follows for the balances."""
    return [each for each in verify().differences if each.code.startswith(("chain_", "anchor"))]


def numbered(team: Team, number: int) -> Transfer:
    """A transfer by its place in the team."""
    return Transfer.objects.get(team=team, number=number)


def says(difference: Difference, code: str, row: Transfer) -> bool:
    """Whether a difference is of this code and at this row."""
    return difference.code == code and difference.where.startswith(f"transfer {row.pk}, ")
