"""Correcting what turns cost by the relay's bill: by transfers alone, and never twice."""

from datetime import timedelta

import pytest

from accounts.models import Team, User
from billing.budgets import budget_of
from billing.errors import BillIncomplete
from billing.limit_setting import NewLimit, set_limit
from billing.markups import set_markup
from billing.models import (
    Budget,
    Cause,
    LimitScope,
    Quality,
    ReconciliationFinding,
    RunState,
    Settlement,
    Transfer,
    TransferKind,
)
from billing.reconciliation_bills import Bill
from billing.reconciliation_ours import ours_at
from billing.reconciliation_runs import Asked, reconcile
from tests.billing.conftest import give
from tests.billing.correcting import AT, paid, row, run, tried, wrong


@pytest.fixture
def funded(team: Team, alice: User, priced: str) -> Team:
    give(team, "20")
    return team


def test_an_estimate_becomes_what_the_relay_asks_by_one_transfer(funded: Team, alice: User) -> None:
    paid(funded, alice, "turn:1", (100, 20), quality=Quality.ESTIMATED)
    attempts, bill = [tried("turn:1", (100, 20))], [row(2, (100, 30), 1_040_000)]
    outcome = run(bill, attempts)
    (transfer,) = Transfer.objects.filter(kind=TransferKind.CORRECTION)
    assert (transfer.amount_nano_usd, transfer.subject) == (80_000, "turn:1")
    (finding,) = ReconciliationFinding.objects.all()
    assert (finding.cause, finding.transfer, finding.settled) == (Cause.TOKEN_DRIFT, transfer, True)
    settled = Settlement.objects.get(subject="turn:1")
    assert (settled.quality, settled.quality_before) == ("reconciled", "estimated")
    assert (settled.cost_nano_usd, settled.corrected_nano_usd) == (960_000, 80_000)
    assert budget_of(funded.pk).spent_nano_usd == 1_040_000
    assert (outcome.run.state, outcome.left_nano_usd) == (RunState.AGREED, 0)
    assert wrong() == []


def test_running_it_again_changes_nothing_and_another_bill_is_held_against_the_corrected(
    funded: Team, alice: User
) -> None:
    paid(funded, alice, "turn:1", (100, 20))
    attempts = [tried("turn:1", (100, 20))]
    run([row(2, (100, 30), 1_040_000)], attempts)
    again = run([row(2, (100, 30), 1_040_000)], attempts)
    assert (again.comparison.findings, again.run.state) == ([], RunState.AGREED)
    assert Transfer.objects.filter(kind=TransferKind.CORRECTION).count() == 1
    run([row(2, (100, 20), 960_000)], attempts)
    assert budget_of(funded.pk).spent_nano_usd == 960_000
    assert wrong() == []


def test_what_the_relay_did_not_bill_is_given_back_whole(funded: Team, alice: User) -> None:
    paid(funded, alice, "turn:1", (100, 20))
    attempts = [tried("turn:1", (100, 20))]
    assert run([], attempts).comparison.causes == {Cause.UNBILLED: 1}
    assert budget_of(funded.pk).spent_nano_usd == 0
    assert run([], attempts).comparison.findings == []
    assert wrong() == []


def test_a_dry_run_tells_and_writes_nothing_to_the_ledger(funded: Team, alice: User) -> None:
    paid(funded, alice, "turn:1", (100, 20))
    before = Transfer.objects.count()
    outcome = run([row(2, (100, 30), 1_040_000)], [tried("turn:1", (100, 20))], dry_run=True)
    assert (outcome.run.state, outcome.comparison.causes) == (
        RunState.DRY,
        {Cause.TOKEN_DRIFT: 1},
    )
    assert Transfer.objects.count() == before
    assert Settlement.objects.get().quality == Quality.REPORTED


def test_the_budgets_of_the_hold_follow_and_the_team_pays_with_its_markup(
    funded: Team, alice: User
) -> None:
    set_markup(2_500, team_id=funded.pk)
    limit = set_limit(
        NewLimit(
            scope=LimitScope.PERSON,
            team_id=funded.pk,
            person_id=alice.pk,
            amount_nano_usd=10**10,
        )
    )
    paid(funded, alice, "turn:1", (100, 20))
    run([row(2, (100, 30), 1_040_000)], [tried("turn:1", (100, 20))])
    assert budget_of(funded.pk).spent_nano_usd == 1_300_000
    assert Budget.objects.get(limit=limit).posted_nano_usd == 1_300_000
    assert Settlement.objects.get().relay_corrected_nano_usd == 80_000
    assert wrong() == []


def test_a_bill_beyond_the_hold_is_paid_and_flagged(funded: Team, alice: User) -> None:
    paid(funded, alice, "turn:1", (100, 20), quality=Quality.ESTIMATED)
    outcome = run([row(2, (100, 5000), 40_800_000)], [tried("turn:1", (100, 20))])
    assert outcome.overruns == ("turn:1",)
    assert Settlement.objects.get().overrun
    assert Transfer.objects.get(kind=TransferKind.CORRECTION).overrun
    assert wrong() == []


def test_nobody_is_charged_for_what_is_no_try_of_theirs(funded: Team, alice: User) -> None:
    paid(funded, alice, "turn:1", (100, 20))
    bill = [row(line, (100, 20), 960_000) for line in (2, 3)] + [row(4, (7, 7), 112_000)]
    outcome = run(bill, [tried("turn:1", (100, 20))])
    assert outcome.comparison.causes == {Cause.LOST_ROW: 1, Cause.DOUBLE_ATTEMPT: 1}
    assert (outcome.open_findings, outcome.left_nano_usd) == (2, 1_072_000)
    assert (outcome.run.state, outcome.corrected) == (RunState.OPEN, ())
    assert Settlement.objects.get().quality == Quality.REPORTED


def test_a_first_try_that_was_billed_after_all_is_charged_to_its_turn(
    funded: Team, alice: User
) -> None:
    paid(funded, alice, "turn:1", (100, 20))
    attempts = [
        tried("turn:1", (0, 0), 1, billed=False),
        tried("turn:1", (100, 20), 2),
    ]
    bill = [row(2, (100, 3), 824_000), row(3, (100, 20), 960_000)]
    outcome = run(bill, attempts)
    assert outcome.comparison.causes == {Cause.DOUBLE_ATTEMPT: 1}
    assert budget_of(funded.pk).spent_nano_usd == 1_784_000
    assert run(bill, attempts).comparison.findings == []
    assert wrong() == []


def test_of_two_runs_at_once_the_second_leaves_what_the_first_corrected(
    funded: Team, alice: User
) -> None:
    paid(funded, alice, "turn:1", (100, 20))
    read_before = ours_at("demo", [tried("turn:1", (100, 20))])
    bill = [row(2, (100, 30), 1_040_000)]
    run(bill, [tried("turn:1", (100, 20))])
    since, until = AT - timedelta(hours=1), AT + timedelta(hours=1)
    asked = Asked("demo", since, until, Bill(tuple(bill), ""), dry_run=False)
    assert reconcile(asked, read_before).open_findings == 1
    assert budget_of(funded.pk).spent_nano_usd == 1_040_000


def test_only_the_team_that_is_named_is_corrected(
    funded: Team, charlies_team: Team, alice: User
) -> None:
    give(charlies_team, "5")
    paid(funded, alice, "turn:1", (100, 20))
    paid(charlies_team, alice, "turn:2", (50, 20))
    attempts = [tried("turn:1", (100, 20)), tried("turn:2", (50, 20))]
    bill = [row(2, (100, 30), 1_040_000), row(3, (50, 30), 640_000), row(4, (9, 1), 80_000)]
    outcome = run(bill, attempts, team_id=charlies_team.pk)
    assert outcome.corrected == ("turn:2",)
    assert outcome.comparison.causes == {Cause.TOKEN_DRIFT: 1}
    assert budget_of(funded.pk).spent_nano_usd == 960_000


def test_a_bill_that_breaks_off_corrects_nothing_unless_it_is_said_to_be_complete(
    funded: Team, alice: User
) -> None:
    subjects = [f"turn:{number}" for number in range(11)]
    for subject in subjects:
        paid(funded, alice, subject, (100, 20))
    attempts = [tried(subject, (100, 20)) for subject in subjects]
    with pytest.raises(BillIncomplete):
        run([], attempts)
    assert not Transfer.objects.filter(kind=TransferKind.CORRECTION).exists()
    assert run([], attempts, complete=True).run.state == RunState.AGREED
    assert wrong() == []


def test_a_correction_that_the_settlement_does_not_know_is_reported(
    funded: Team, alice: User
) -> None:
    paid(funded, alice, "turn:1", (100, 20))
    run([row(2, (100, 30), 1_040_000)], [tried("turn:1", (100, 20))])
    for column in ("corrected_nano_usd", "relay_corrected_nano_usd"):
        Settlement.objects.update(**{column: 79_999})
        (difference,) = wrong()
        assert (difference.code, difference.where) == ("settlement", "turn:1")
        Settlement.objects.update(**{column: 80_000})
    assert wrong() == []
