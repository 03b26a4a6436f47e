"""Turns that paid several relays, and what the relays ask after a correction."""

import pytest

from accounts.models import Team, User
from billing.budgets import budget_of
from billing.markups import set_markup
from billing.models import Quality, Settlement, Transfer, TransferKind
from billing.usage import Slice, Usage
from tests.billing.conftest import give
from tests.billing.correcting import paid, row, run, tried, wrong


@pytest.fixture
def funded(team: Team, alice: User, priced: str) -> Team:
    give(team, "20")
    return team


def test_a_turn_over_two_relays_is_reconciled_when_both_bills_have_come(
    funded: Team, alice: User
) -> None:
    paid(funded, alice, "turn:1", (300, 20))
    attempts = [tried("turn:1", (200, 0), 1, relay="other"), tried("turn:1", (100, 20), 2)]
    outcome = run([row(2, (100, 30), 1_040_000)], attempts)
    assert outcome.comparison.ours.nano_usd == 960_000
    assert budget_of(funded.pk).spent_nano_usd == 2_560_000 + 80_000
    assert Settlement.objects.get().quality == Quality.REPORTED
    # The same bill once more is no other one.
    assert run([row(2, (100, 30), 1_040_000)], attempts).reconciled == ()
    outcome = run([row(2, (200, 1), 1_608_000)], attempts, relay="other")
    assert outcome.reconciled == ("turn:1",)
    settled = Settlement.objects.get()
    assert (settled.quality, settled.corrected_nano_usd) == (Quality.RECONCILED, 88_000)
    assert wrong() == []


def test_a_turn_over_two_relays_that_one_bill_leaves_open_is_not_reconciled(
    funded: Team, alice: User
) -> None:
    paid(funded, alice, "turn:1", (300, 20))
    attempts = [tried("turn:1", (200, 0), 1, relay="other"), tried("turn:1", (100, 20), 2)]
    repeated = row(3, (200, 0), 1_600_000)
    run([row(2, (100, 20), 960_000)], attempts)
    outcome = run([row(2, (200, 0), 1_600_000), repeated], attempts, relay="other")
    assert (outcome.reconciled, outcome.open_findings) == ((), 1)
    assert Settlement.objects.get().quality == Quality.REPORTED


def test_what_the_relay_asks_more_where_the_team_pays_nothing_is_dated_by_a_transfer_of_nothing(
    funded: Team, alice: User
) -> None:
    set_markup(-10_000, team_id=funded.pk)
    paid(funded, alice, "turn:1", (100, 20))
    run([row(2, (100, 30), 1_040_000)], [tried("turn:1", (100, 20))])
    (transfer,) = Transfer.objects.filter(kind=TransferKind.CORRECTION)
    assert (transfer.amount_nano_usd, budget_of(funded.pk).spent_nano_usd) == (0, 0)
    assert Usage("UTC").total(Slice(team_id=funded.pk)).relay_cost_nano_usd == 1_040_000
    assert wrong() == []
