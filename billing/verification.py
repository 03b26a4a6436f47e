"""Verifying the ledger: everything that is cached or derived, compared with the transfers."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from django.db import connection, transaction
from django.db.models import Count, F, Q

from billing.anchors import age_note, read_anchors
from billing.budgets import team_key
from billing.chain_verification import chain_differences
from billing.costs import exact_worst, sold
from billing.fold import Books, Counters, Difference, Row, fold
from billing.guards import missing_guards
from billing.limit_totals import totals_of_limits
from billing.models import (
    Account,
    AccountKind,
    Budget,
    Hold,
    Transfer,
    TransferKind,
)
from billing.settlement_verification import settlement_differences
from billing.snapshot import snapshot
from billing.usage_folding import usage_differences

ROWS_AT_ONCE = 2000


@dataclass(frozen=True)
class Verification:
    """What was looked at, what differs, and what is worth a remark."""

    transfers: int
    teams: int
    open_holds: int
    differences: tuple[Difference, ...]
    notes: tuple[str, ...] = ()


def verify(rebuild: bool = False) -> Verification:
    """Recompute everything from the transfers and compare; with `rebuild`, correct the caches.

    Reads one snapshot. Rebuilding corrects counters only; rows that are wrong are reported again.
    """
    # Before the snapshot: what is anchored after it began, it does not have.
    anchors = read_anchors()
    with transaction.atomic() if rebuild else snapshot():
        # The same order as every writer: budgets, then accounts.
        budgets = list(Budget.objects.select_for_update().order_by("rank", "id")) if rebuild else []
        books = fold(_rows())
        if rebuild:
            _rebuild(books, budgets)
        differences = (
            *anchors.differences,
            *chain_differences(anchors.of_teams),
            *books.differences,
            *_account_differences(books),
            *_budget_differences(books),
            *_party_differences(),
            *_hold_differences(),
            *settlement_differences(),
            *usage_differences(),
            *(Difference("guard_missing", name, "") for name in missing_guards(connection)),
        )
    notes = (*anchors.notes, *(age_note(anchors) if books.count else ()))
    return Verification(books.count, len(books.teams), len(books.open_holds), differences, notes)


def _rows() -> Iterator[Row]:
    columns = Transfer.objects.order_by("id").values_list(
        "id",
        "kind",
        "team_id",
        "debit_id",
        "credit_id",
        "amount_nano_usd",
        "pending_id",
        "subject",
        "overrun",
        "debit__kind",
        "person_id",
    )
    return (Row(*row) for row in columns.iterator(chunk_size=ROWS_AT_ONCE))


def _rebuild(books: Books, budgets: list[Budget]) -> None:
    for account in Account.objects.all():
        Account.objects.filter(pk=account.pk).update(**asdict(books.account(account.pk)))
    counters_of = _counters_of(books)
    for budget in budgets:
        Budget.objects.filter(pk=budget.pk).update(**counters_of(budget))


def _account_differences(books: Books) -> Iterator[Difference]:
    for account in Account.objects.select_related("team"):
        cached = Counters(**{name: getattr(account, name) for name in asdict(Counters())})
        told = books.account(account.pk)
        if cached != told:
            yield Difference("account", f"{account.pk} {account}", f"{cached}, should be {told}")


def _budget_differences(books: Books) -> Iterator[Difference]:
    keys = set()
    counters_of = _counters_of(books)
    for budget in Budget.objects.order_by("rank", "id"):
        keys.add(budget.key)
        for name, told in counters_of(budget).items():
            if getattr(budget, name) != told:
                detail = f"{name} is {getattr(budget, name)}, should be {told}"
                yield Difference("budget", budget.key, detail)
    for team_id in books.teams:
        if team_key(team_id) not in keys:
            yield Difference("budget", team_key(team_id), "is missing")


def _counters_of(books: Books) -> Callable[[Budget], dict[str, int]]:
    """What the counters of a budget must be: a team's by the fold, others' by the holds taken."""
    totals = totals_of_limits()

    def counters(budget: Budget) -> dict[str, int]:
        if budget.limit_id is None and budget.team_id is not None:
            return asdict(books.team(budget.team_id))
        return totals.get(budget.pk, {"posted_nano_usd": 0, "held_nano_usd": 0})

    return counters


def _party_differences() -> Iterator[Difference]:
    """Every transfer is between its own team's accounts, of the kinds that belong to its kind."""
    wallet = Q(debit__kind=AccountKind.WALLET, debit__team=F("team"))
    spending = Q(credit__kind=AccountKind.SPENDING, credit__team=F("team"))
    spending_back = Q(debit__kind=AccountKind.SPENDING, debit__team=F("team"))
    wallet_back = Q(credit__kind=AccountKind.WALLET, credit__team=F("team"))
    granted = Q(debit__kind=AccountKind.FUNDING, credit__kind=AccountKind.WALLET)
    proper = (
        (
            Q(kind__in=(TransferKind.HOLD, TransferKind.CAPTURE, TransferKind.RELEASE))
            & wallet
            & spending
        )
        | (Q(kind=TransferKind.CORRECTION) & ((wallet & spending) | (wallet_back & spending_back)))
        | (
            Q(kind__in=(TransferKind.GRANT, TransferKind.ADJUSTMENT))
            & (
                (granted & Q(credit__team=F("team")))
                | (wallet & Q(credit__kind=AccountKind.FUNDING))
            )
        )
    )
    right = Transfer.objects.filter(proper).values("pk")
    for transfer in Transfer.objects.exclude(pk__in=right).iterator():
        yield Difference("other_account", f"transfer {transfer.pk}", "not its team's accounts")


def _hold_differences() -> Iterator[Difference]:
    """Every hold transfer has its evidence, once a subject, and the evidence gives its amount."""
    bare = Transfer.objects.filter(kind=TransferKind.HOLD, hold=None)
    for transfer in bare.iterator():
        yield Difference("hold_evidence", f"transfer {transfer.pk}", "no hold row")
    twice = (
        Transfer.objects.filter(kind=TransferKind.HOLD)
        .values("subject")
        .order_by()
        .annotate(count=Count("id"))
        .filter(count__gt=1)
    )
    for subject in twice.values_list("subject", flat=True):
        yield Difference("held_twice", subject, "more than one hold")
    for hold in Hold.objects.select_related("transfer", "price_version").iterator(ROWS_AT_ONCE):
        told = sold(exact_worst(hold, hold.price_version), hold.markup_basis_points)
        facts = (hold.transfer.amount_nano_usd, hold.transfer.subject, hold.transfer.team_id)
        if facts != (told, hold.subject, hold.team_id) or hold.amount_nano_usd != told:
            yield Difference("hold_evidence", hold.subject, f"{facts}, should be {told} nano-USD")
