"""Verifying the ledger: everything that is cached or derived, compared with the transfers."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass

from django.db import DatabaseError, connection, transaction
from django.db.models import Count, F, Q

from billing.anchors import age_note, read_anchors
from billing.budgets import team_key
from billing.chain_rows import folded_rows
from billing.chain_verification import chain_differences
from billing.costs import exact_worst, sold
from billing.fold import Books, Counters, Difference, fold
from billing.guards import missing_guards
from billing.limit_totals import totals_of_limits
from billing.models import (
    Account,
    AccountKind,
    Budget,
    BudgetScope,
    Hold,
    HoldBudget,
    Transfer,
    TransferKind,
)
from billing.settlement_verification import settlement_differences
from billing.snapshot import snapshot
from billing.stored_cells import cell_differences, reading_any_text, reference_differences
from billing.usage_folding import usage_differences

ROWS_AT_ONCE = 2000
FAILURES = (
    ArithmeticError,
    AttributeError,
    DatabaseError,
    LookupError,
    TypeError,
    ValueError,
)
"""What rows can cause that no Tram has written."""


@dataclass(frozen=True)
class Verification:
    """What was looked at, what differs, and what is worth a remark."""

    transfers: int
    teams: int
    open_holds: int
    differences: tuple[Difference, ...]
    notes: tuple[str, ...] = ()


def verify(rebuild: bool = False) -> Verification:
    """Recompute everything from the transfers and compare; `rebuild` corrects the caches first.

    Reads one snapshot. Rebuilding corrects counters only; rows that are wrong are reported again.
    Whatever stands in the rows, it is told: nothing is raised for it.
    """
    with reading_any_text():
        rebuilt = _told("the counters", _rebuild) if rebuild else []
        # Before the snapshot: what is anchored after it began, it does not have.
        anchors = read_anchors()
        with snapshot():
            books = fold(folded_rows())
            parts: tuple[tuple[str, Callable[[], Iterable[Difference]]], ...] = (
                ("the anchors", lambda: anchors.differences),
                ("cells", cell_differences),
                ("references", reference_differences),
                ("the chain", lambda: chain_differences(anchors.of_teams)),
                ("the order of transfers", lambda: books.differences),
                ("accounts", lambda: _account_differences(books)),
                ("budgets", lambda: _budget_differences(books)),
                ("parties", _party_differences),
                ("holds", _hold_differences),
                ("API keys", _key_differences),
                ("settlements", settlement_differences),
                ("totals of usage", usage_differences),
                ("guards", _guard_differences),
            )
            found = [each for part in parts for each in _told(*part)]
    notes = (*anchors.notes, *(age_note(anchors) if books.count else ()))
    differences = (*rebuilt, *found)
    return Verification(books.count, len(books.teams), len(books.open_holds), differences, notes)


def _told(name: str, part: Callable[[], Iterable[Difference]]) -> list[Difference]:
    """What a part finds, in characters that can be printed; also where it cannot go on."""
    found: list[Difference] = []
    try:
        # A statement that fails must not end the snapshot for the parts behind it.
        with transaction.atomic():
            found.extend(part())
    except FAILURES as error:
        found.append(
            Difference("unchecked", name, f"cannot be computed from these rows: {error!r}")
        )
    return [
        Difference(each.code, _printable(each.where), _printable(each.detail)) for each in found
    ]


def _printable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _rebuild() -> Iterable[Difference]:
    """Write the counters anew, while nobody holds or settles. Finds nothing."""
    if connection.vendor == "postgresql":
        # Every writer locks budgets first. Their rows alone would not do: what a new team's first
        # transfer moves belongs to no budget that is there to lock.
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE billing_budget IN EXCLUSIVE MODE")
    books = fold(folded_rows())
    for account in Account.objects.all():
        Account.objects.filter(pk=account.pk).update(**asdict(books.account(account.pk)))
    counters_of = _counters_of(books)
    for budget in Budget.objects.order_by("rank", "id"):
        Budget.objects.filter(pk=budget.pk).update(**counters_of(budget))
    return ()


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


def _guard_differences() -> Iterator[Difference]:
    for name in sorted(missing_guards(connection)):
        yield Difference("guard_missing", name, "")


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


def _key_differences() -> Iterator[Difference]:
    """What is held in the budget of an API key was asked for by that key."""
    taken = HoldBudget.objects.filter(budget__scope=BudgetScope.API_KEY)
    others = taken.exclude(budget__api_key_id=F("hold__api_key_id"))
    for subject, key in others.order_by("id").values_list("hold__subject", "budget__key"):
        yield Difference("hold_of_other_key", subject, f"held in {key}, asked for by another")


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
