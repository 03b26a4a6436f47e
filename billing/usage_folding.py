"""Folding settlements and corrections into the totals of a zone, and proving what was folded.

A row is folded when it is an hour old. PostgreSQL may commit a lower id after a higher one; what a
transaction of an hour ago has not committed by now it never will: the database ends whoever idles
within one after seconds. A zone is folded under the lock of its `UsageFold`, in the transaction
that moves it on, so a row is never counted twice or left out.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, QuerySet

from billing.figures import NAMES, Figures
from billing.fold import Difference
from billing.models import ConversationTotal, Settlement, Transfer, UsageFold, UsageTotal
from billing.usage import Key, summed
from billing.zones import zones

SETTLES_WITHIN = timedelta(hours=1)
FOLD_AT_ONCE = 20_000
"""So many ids in one transaction: SQLite has one writer, and turns wait for it meanwhile."""
TRANSFERS_OF_A_TURN = 4
"""At most, so that the corrections among them keep pace."""
DUE = 2_000
"""Who reads folds first where so many ids wait; fewer are read as fast where they are."""

Total = UsageTotal | ConversationTotal
KEYS = ("day", "team_id", "person_id", "model", "route")
TABLES: tuple[tuple[type[Total], tuple[str, ...]], ...] = (
    (UsageTotal, KEYS),
    (ConversationTotal, (*KEYS, "conversation_id")),
)
"""What is kept, by which keys: of a shorter key the sums of all that differ in the rest."""


def fold_if_due(zone: str) -> None:
    """Fold once if many rows wait. What waits still is counted all the same, only more slowly."""
    reached = UsageFold.objects.filter(zone=zone).first() or UsageFold(zone=zone)
    after = reached.settlement_id + DUE
    moment = Settlement.objects.filter(id__gt=after).order_by("id").values_list("created_at")[:1]
    if any(settled < datetime.now(UTC) - SETTLES_WITHIN for (settled,) in moment):
        fold_once(zone)


def fold_once(zone: str) -> bool:
    """Fold the next rows that are old enough; returns whether there were any."""
    with transaction.atomic():
        UsageFold.objects.get_or_create(zone=zone)
        reached = UsageFold.objects.select_for_update().get(zone=zone)
        through = UsageFold(
            zone=zone,
            settlement_id=_old_through(Settlement, reached.settlement_id),
            transfer_id=_old_through(Transfer, reached.transfer_id, TRANSFERS_OF_A_TURN),
        )
        if (through.settlement_id, through.transfer_id) == (
            reached.settlement_id,
            reached.transfer_id,
        ):
            return False
        _store(zone, summed(zone, reached, through))
        through.save()
    return True


def rebuild(zone: str) -> None:
    """Forget the totals of a zone and fold them anew. Whoever reads meanwhile reads the ledger."""
    with transaction.atomic():
        UsageFold.objects.get_or_create(zone=zone)
        UsageFold.objects.select_for_update().get(zone=zone)
        for table, _keys in TABLES:
            _all_of(table, zone).delete()
        UsageFold.objects.filter(zone=zone).update(settlement_id=0, transfer_id=0)
    while fold_once(zone):
        pass


def forget_unused() -> list[str]:
    """Drop the totals of zones that usage is no longer counted in; returns their names."""
    unused = UsageFold.objects.exclude(zone__in=zones())
    names = list(unused.values_list("zone", flat=True))
    with transaction.atomic():
        for name in names:
            for table, _keys in TABLES:
                _all_of(table, name).delete()
        unused.delete()
    return names


def usage_differences() -> Iterator[Difference]:
    """Where the totals are not what the settlements and corrections they reach tell."""
    for reach in UsageFold.objects.order_by("zone"):
        told = summed(reach.zone, UsageFold(), reach)
        for table, keys in TABLES:
            yield from _differences_of(table, keys, reach.zone, _by_keys(told, keys))


def _differences_of(
    table: type[Total], keys: tuple[str, ...], zone: str, told: dict[Key, Figures]
) -> Iterator[Difference]:
    for key, figures in _stored(table, keys, zone).items():
        should = told.pop(key, Figures())
        if figures != should:
            yield _difference(zone, key, f"{figures}, should be {should}")
    for key in told:
        yield _difference(zone, key, "is missing")


def _by_keys(sums: dict[Key, Figures], keys: tuple[str, ...]) -> dict[Key, Figures]:
    """The sums of those that have the same of these keys."""
    found: dict[Key, Figures] = {}
    for key, figures in sums.items():
        short = Key(**{name: getattr(key, name) for name in keys})
        found[short] = found[short] + figures if short in found else figures
    return found


def _difference(zone: str, key: Key, detail: str) -> Difference:
    where = " ".join(str(part) for part in (zone, *key) if part not in (None, ""))
    return Difference("usage_total", where, detail)


def _all_of(table: type[Total], zone: str) -> QuerySet[Any]:
    return table._default_manager.filter(zone=zone).order_by()


def _stored(table: type[Total], keys: tuple[str, ...], zone: str) -> dict[Key, Figures]:
    found: dict[Key, Figures] = {}
    for row in _all_of(table, zone).values_list(*keys, *NAMES).iterator():
        # Those of nobody are not held together by the database: NULL is never the same.
        key = Key(*row[: len(keys)])
        found[key] = found.get(key, Figures()) + Figures(*row[len(keys) :])
    return found


def _old_through(model: type[Settlement] | type[Transfer], after: int, times: int = 1) -> int:
    """The last id after `after` whose rows are all old enough, of the next that are folded."""
    newest = model._default_manager.aggregate(newest=Max("id"))["newest"] or 0
    last: int = min(newest, after + times * FOLD_AT_ONCE)
    cutoff = datetime.now(UTC) - SETTLES_WITHIN
    young = (
        model._default_manager.filter(id__gt=after, id__lte=last, created_at__gt=cutoff)
        .order_by("id")
        .values_list("id", flat=True)
        .first()
    )
    return max(after, last if young is None else young - 1)


def _store(zone: str, sums: dict[Key, Figures]) -> None:
    for table, keys in TABLES:
        fields = [_field(table, name) for name in keys]

        def row(key: Key, figures: Figures, fields: list[Any] = fields) -> tuple[Any, ...]:
            of = (
                field.get_db_prep_save(value, connection)
                for field, value in zip(fields, key, strict=False)
            )
            return (zone, *of, *(getattr(figures, name) for name in NAMES))

        rows = [row(key, figures) for key, figures in _by_keys(sums, keys).items()]
        if rows:
            with connection.cursor() as cursor:
                cursor.executemany(_adding(table, keys), rows)


def _field(table: type[Total], name: str) -> Any:
    names = {each.attname: each for each in table._meta.concrete_fields}
    return names[name]


def _adding(table: type[Total], keys: tuple[str, ...]) -> str:
    name, columns = table._meta.db_table, ("zone", *keys, *NAMES)
    sums = ", ".join(f"{each} = {name}.{each} + excluded.{each}" for each in NAMES)
    return (
        f"INSERT INTO {name} ({', '.join(columns)}) "  # noqa: S608 - the names are constants
        f"VALUES ({', '.join('%s' for _ in columns)}) "
        f"ON CONFLICT ({', '.join(('zone', *keys))}) DO UPDATE SET {sums}"
    )
