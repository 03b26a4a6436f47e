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
from django.db.models import Max

from billing.figures import NAMES, Figures
from billing.fold import Difference
from billing.models import Settlement, Transfer, UsageFold, UsageTotal
from billing.usage import Key, summed
from billing.zones import zones

SETTLES_WITHIN = timedelta(hours=1)
FOLD_AT_ONCE = 20_000
"""So many ids in one transaction: SQLite has one writer, and turns wait for it meanwhile."""
TRANSFERS_OF_A_TURN = 4
"""At most, so that the corrections among them keep pace."""
DUE = 2_000
"""Who reads folds first where so many ids wait; fewer are read as fast where they are."""

_ADD = """
INSERT INTO billing_usagetotal (zone, day, team_id, person_id, model, {columns})
VALUES (%s, %s, %s, %s, %s, {values})
ON CONFLICT (zone, day, team_id, person_id, model) DO UPDATE SET {sums}
""".format(
    columns=", ".join(NAMES),
    values=", ".join("%s" for _ in NAMES),
    sums=", ".join(f"{name} = billing_usagetotal.{name} + excluded.{name}" for name in NAMES),
)


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
        UsageTotal.objects.filter(zone=zone).delete()
        UsageFold.objects.filter(zone=zone).update(settlement_id=0, transfer_id=0)
    while fold_once(zone):
        pass


def forget_unused() -> list[str]:
    """Drop the totals of zones that usage is no longer counted in; returns their names."""
    unused = UsageFold.objects.exclude(zone__in=zones())
    names = list(unused.values_list("zone", flat=True))
    with transaction.atomic():
        UsageTotal.objects.filter(zone__in=names).delete()
        unused.delete()
    return names


def usage_differences() -> Iterator[Difference]:
    """Where the totals are not what the settlements and corrections they reach tell."""
    for reach in UsageFold.objects.order_by("zone"):
        told = summed(reach.zone, UsageFold(), reach)
        for key, figures in _stored(reach.zone).items():
            should = told.pop(key, Figures())
            if figures != should:
                yield _difference(reach.zone, key, f"{figures}, should be {should}")
        for key in told:
            yield _difference(reach.zone, key, "is missing")


def _difference(zone: str, key: Key, detail: str) -> Difference:
    where = " ".join(str(part) for part in (zone, *key) if part not in (None, ""))
    return Difference("usage_total", where, detail)


def _stored(zone: str) -> dict[Key, Figures]:
    found: dict[Key, Figures] = {}
    rows = UsageTotal.objects.filter(zone=zone).order_by()
    for row in rows.values_list("day", "team_id", "person_id", "model", *NAMES).iterator():
        # Those of nobody are not held together by the database: NULL is never the same.
        key = Key(*row[:4])
        found[key] = found.get(key, Figures()) + Figures(*row[4:])
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
    fields = {each.name: each for each in UsageTotal._meta.concrete_fields}
    columns = [fields[name] for name in ("day", "team", "person")]

    def row(key: Key, figures: Figures) -> tuple[Any, ...]:
        day, team, person = (
            field.get_db_prep_save(value, connection)
            for field, value in zip(columns, key[:3], strict=True)
        )
        return (zone, day, team, person, key.model, *(getattr(figures, name) for name in NAMES))

    if sums:
        with connection.cursor() as cursor:
            cursor.executemany(_ADD, [row(key, figures) for key, figures in sums.items()])
