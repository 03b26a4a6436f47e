"""What the budgets of limits must say, told by the holds that were taken from them."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Sum

from billing.models import Budget, HoldBudget, Period, Transfer, TransferKind
from billing.settlement_verification import CORRECTED


def totals_of_limits() -> dict[int, dict[str, int]]:
    """The counters of each limit's budgets by their ids, in nano-USD; five queries.

    Where a limit never starts afresh, also what it grants: an older period grants what it did.
    """
    totals = {
        budget_id: {"posted_nano_usd": 0, "held_nano_usd": 0}
        for budget_id in Budget.objects.exclude(limit=None).values_list("id", flat=True)
    }
    for name, sums in (("posted_nano_usd", _captured()), ("held_nano_usd", _held())):
        for budget_id, amount in sums:
            # PostgreSQL sums 64-bit integers into decimals.
            totals[budget_id][name] = int(amount)
    for budget_id, amount in _corrected():
        totals[budget_id]["posted_nano_usd"] += amount
    for budget_id, amount, is_hard in Budget.objects.filter(limit__period=Period.NONE).values_list(
        "id", "limit__amount_nano_usd", "limit__is_hard"
    ):
        totals[budget_id] |= {"granted_nano_usd": amount, "is_hard": is_hard}
    return totals


def _taken() -> QuerySet[HoldBudget]:
    return HoldBudget.objects.exclude(budget__limit=None).order_by()


def _captured() -> Iterable[Any]:
    captured = _taken().filter(hold__transfer__settled_by__kind=TransferKind.CAPTURE)
    total = Sum("hold__transfer__settled_by__amount_nano_usd")
    return captured.values_list("budget_id").annotate(total)


def _held() -> Iterable[Any]:
    released = Transfer.objects.filter(
        kind=TransferKind.RELEASE, pending_id=OuterRef("hold__transfer_id")
    )
    rows = _taken().filter(~Exists(released))
    return rows.values_list("budget_id").annotate(Sum("hold__transfer__amount_nano_usd"))


def _corrected() -> Iterable[tuple[int, int]]:
    """A correction names its turn by subject only."""
    corrections = Transfer.objects.filter(kind=TransferKind.CORRECTION).order_by()
    sums = corrections.values("subject").annotate(total=Sum(CORRECTED))
    amounts = dict(sums.values_list("subject", "total"))
    taken = _taken().filter(hold__subject__in=corrections.values("subject"))
    for budget_id, subject in taken.values_list("budget_id", "hold__subject"):
        yield budget_id, int(amounts[subject])
