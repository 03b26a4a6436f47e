"""Reading transfers and accounts whatever stands in them: what cannot be read stays as it is.

SQLite stores anything anywhere, and the models would end at a team or a moment that is none.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import CharField
from django.db.models.functions import Cast

from billing.fold import Row
from billing.models import Account, Transfer

ROWS_AT_ONCE = 2000
COLUMNS = [field.attname for field in Transfer._meta.concrete_fields]
TEAM = Cast("team_id", CharField())
MOMENT = Cast("created_at", CharField())


class Counted(NamedTuple):
    """An account and how many entries it counted."""

    id: int
    kind: str
    team_id: UUID | None
    entries: int


def chained_rows() -> Iterator[Transfer]:
    """Every transfer by team and number. Team and moment are read as text, and stay text where they
    are none: the models would end at such a row."""
    plain = [name for name in COLUMNS if name not in ("team_id", "created_at")]
    ordered = Transfer.objects.order_by("team_id", "number", "id")
    rows = ordered.annotate(team_text=TEAM, moment_text=MOMENT)
    columns = rows.values_list(*plain, "team_text", "moment_text")
    for *values, team, moment in columns.iterator(ROWS_AT_ONCE):
        known = dict(zip(plain, values, strict=True))
        known |= {"team_id": _team_of(team), "created_at": _moment_of(moment)}
        yield Transfer.from_db(connection.alias, COLUMNS, [known[name] for name in COLUMNS])


def counted_accounts() -> Iterator[Counted]:
    """Every account in the order of its id."""
    rows = Account.objects.order_by("id").annotate(team_text=TEAM)
    for id, kind, team, entries in rows.values_list("id", "kind", "team_text", "entries"):
        yield Counted(id, kind, None if team is None else _team_of(team), entries)


def _team_of(text: str) -> Any:
    """The id in a text, or the text itself where it is none."""
    try:
        return UUID(text)
    except (ValueError, TypeError, AttributeError):
        return text


def _moment_of(text: str) -> Any:
    try:
        moment = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return text
    # SQLite keeps moments in UTC and does not say so.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def folded_rows() -> Iterator[Row]:
    """Every transfer in the order of its id, as `fold` reads it."""
    rows = Transfer.objects.order_by("id").annotate(team_text=TEAM)
    columns = rows.values_list(
        "id",
        "kind",
        "team_text",
        "debit_id",
        "credit_id",
        "amount_nano_usd",
        "pending_id",
        "subject",
        "overrun",
        "debit__kind",
        "person_id",
    )
    for id, kind, team, *facts in columns.iterator(ROWS_AT_ONCE):
        known: list[Any] = facts
        yield Row(id, kind, _team_of(team), *known)


def is_number(value: object) -> bool:
    """SQLite stores anything."""
    return isinstance(value, int)
