"""What must be true of the books after every single step, each sentence for itself."""

from __future__ import annotations

from collections import defaultdict

from django.db import transaction
from django.db.models import Count, F, Sum

from billing.costs import Counts
from billing.models import (
    Account,
    Budget,
    Hold,
    HoldBudget,
    PriceVersion,
    Settlement,
    Transfer,
    TransferKind,
)
from billing.usage import Slice, Usage
from billing.usage_folding import rebuild
from billing.verification import verify
from chat.models import Turn, TurnState

MILLION, WHOLE = 1_000_000, 10_000
_SIDES = (
    ("debits_pending_nano_usd", "debits_posted_nano_usd"),
    ("credits_pending_nano_usd", "credits_posted_nano_usd"),
)


def look(open_turns: set[str], unbound: set[int]) -> None:
    """All of it. `open_turns` are the subjects that run; `unbound` the limits that were lowered or
    soft at some time, whose budgets may be exceeded."""
    every_debit_is_a_credit()
    nothing_is_held_without_its_turn(open_turns)
    every_turn_settled_at_most_once()
    budgets_add_up()
    no_budget_is_exceeded(unbound)
    usage_is_the_ledger()
    nothing_is_to_be_rebuilt()


def every_debit_is_a_credit() -> None:
    """Over all accounts, and in each of them by its transfers."""
    totals = Account.objects.aggregate(**{name: Sum(name) for side in _SIDES for name in side})
    for debit, credit in zip(*_SIDES, strict=True):
        assert totals[debit] == totals[credit], (debit, totals)
    posted: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    moved = Transfer.objects.exclude(kind__in=[TransferKind.HOLD, TransferKind.RELEASE])
    for debit_id, credit_id, amount in moved.values_list("debit", "credit", "amount_nano_usd"):
        posted[debit_id][0] += amount
        posted[credit_id][1] += amount
    for account in Account.objects.all():
        cached = [account.debits_posted_nano_usd, account.credits_posted_nano_usd]
        assert cached == posted[account.pk], account.kind


def nothing_is_held_without_its_turn(open_turns: set[str]) -> None:
    """A hold is open as long as its turn runs, not longer and not shorter."""
    unsettled = Hold.objects.exclude(subject__in=Settlement.objects.values("subject"))
    held = set(unsettled.values_list("subject", flat=True))
    running = {turn.subject for turn in Turn.objects.filter(state=TurnState.RUNNING)}
    assert held == running == open_turns


def every_turn_settled_at_most_once() -> None:
    """One hold, one release, at most one capture; and the settlement says what was captured."""
    each = Transfer.objects.exclude(subject="").exclude(kind=TransferKind.CORRECTION)
    often = each.values("subject", "kind").annotate(times=Count("id")).filter(times__gt=1)
    assert not often.exists(), list(often)
    captured = dict(
        Transfer.objects.filter(kind="capture").values_list("subject", "amount_nano_usd")
    )
    for subject, cost in Settlement.objects.values_list("subject", "cost_nano_usd"):
        assert captured.get(subject, 0) == cost, subject


def budgets_add_up() -> None:
    """Each budget's granted is its spent, held and left, told by the turns that were taken from
    it."""
    spent: dict[int, int] = defaultdict(int)
    held: dict[int, int] = defaultdict(int)
    costs = {
        row.hold_id: row.cost_nano_usd + row.corrected_nano_usd for row in Settlement.objects.all()
    }
    for budget_id, hold_id, amount in HoldBudget.objects.values_list(
        "budget", "hold", "hold__amount_nano_usd"
    ):
        spent[budget_id] += costs.get(hold_id, 0)
        held[budget_id] += 0 if hold_id in costs else amount
    for budget in Budget.objects.all():
        assert (budget.posted_nano_usd, budget.held_nano_usd) == (
            spent[budget.pk],
            held[budget.pk],
        ), budget.key
        used = budget.posted_nano_usd + budget.held_nano_usd
        assert budget.granted_nano_usd == used + budget.remaining_nano_usd


def no_budget_is_exceeded(unbound: set[int]) -> None:
    """Hard ones only by what flagged turns cost beyond their holds."""
    beyond: dict[int, int] = defaultdict(int)
    cost = F("settlement__cost_nano_usd") + F("settlement__corrected_nano_usd")
    overruns = Hold.objects.filter(settlement__overrun=True).annotate(
        beyond=cost - F("amount_nano_usd")
    )
    more = dict(overruns.values_list("pk", "beyond"))
    for budget_id, hold_id in HoldBudget.objects.values_list("budget", "hold"):
        beyond[budget_id] += more.get(hold_id, 0)
    for budget in Budget.objects.filter(is_hard=True):
        if budget.limit_id not in unbound:
            assert budget.remaining_nano_usd >= -beyond[budget.pk], budget.key
    for row in Settlement.objects.select_related("hold"):
        above = row.cost_nano_usd + row.corrected_nano_usd > row.hold.amount_nano_usd
        assert row.overrun == above, row.subject


def usage_is_the_ledger() -> None:
    """The totals of usage are the sum of what teams paid, however much of it is folded."""
    paid = Settlement.objects.aggregate(
        paid=Sum(F("cost_nano_usd") + F("corrected_nano_usd")), turns=Count("id")
    )
    told = Usage("UTC").total(Slice())
    assert (told.cost_nano_usd, told.turns) == (paid["paid"] or 0, paid["turns"])


def nothing_is_to_be_rebuilt() -> None:
    """`verifyledger` finds nothing, and writing the counters anew changes none."""
    # The guards against deletion are off in a test's database.
    assert {found.code for found in verify().differences} <= {"guard_missing"}, verify()
    before = _counters()
    with transaction.atomic():
        verify(rebuild=True)
        rebuild("UTC")
        assert _counters() == before
        usage_is_the_ledger()
        transaction.set_rollback(True)


def _counters() -> list[object]:
    accounts = Account.objects.order_by("pk").values_list(*(name for s in _SIDES for name in s))
    budgets = Budget.objects.order_by("pk")
    return [
        *accounts,
        *budgets.values_list("granted_nano_usd", "posted_nano_usd", "held_nano_usd"),
    ]


def priced(used: Counts, price: PriceVersion, markup_basis_points: int) -> int:
    """What a turn costs its team, reckoned another way than the product does: exact in fractions of
    a nano-USD, rounded up once."""
    cached = min(used.cached_tokens or 0, used.prompt_tokens)
    of_input = price.input_nano_usd_per_million
    of_cached = price.cached_input_nano_usd_per_million
    of_cached = of_input if of_cached is None else of_cached
    exact = (used.prompt_tokens - cached) * of_input + cached * of_cached
    exact += used.completion_tokens * price.output_nano_usd_per_million
    exact *= WHOLE + markup_basis_points
    whole, rest = divmod(exact, MILLION * WHOLE)
    return whole + bool(rest)
