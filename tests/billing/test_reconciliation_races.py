"""Reconciling at once, while turns settle, and after a kill: each turn is corrected once."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from django.db import connection, connections

from accounts.models import Team, User
from billing.budgets import budget_of
from billing.models import ReconciliationFinding, RunState, Settlement, Transfer, TransferKind
from billing.reconciliation_matching import Billed
from billing.reconciliation_ours import AttemptFacts
from tests.billing.conftest import give
from tests.billing.correcting import AT, paid, row, run, tried, wrong
from tests.billing.test_races import all_at_once
from tests.processes import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
TURNS = 6
MORE_NANO_USD = 80_000
"""What the relay asks more for each turn."""
PAID_NANO_USD = 8000 * sum(range(100, 100 + TURNS)) + TURNS * 160_000


def tokens(number: int) -> tuple[int, int]:
    return 100 + number, 20


def attempts(count: int = TURNS) -> list[AttemptFacts]:
    """A try of each turn, all with tokens of their own."""
    return [tried(f"turn:{number}", tokens(number)) for number in range(count)]


def bill(count: int = TURNS) -> list[Billed]:
    """Ten tokens more for each."""
    return [
        row(number + 2, (tokens(number)[0], 30), (tokens(number)[0] + 30) * 8000, AT)
        for number in range(count)
    ]


@pytest.fixture
def funded(team: Team, alice: User, priced: str) -> Team:
    give(team, "20")
    return team


@pytest.fixture
def settled(funded: Team, alice: User) -> Team:
    for number in range(TURNS):
        paid(funded, alice, f"turn:{number}", tokens(number))
    return funded


def corrected_once(team: Team) -> None:
    """Each turn was corrected by one transfer, and the books agree."""
    corrections = Transfer.objects.filter(kind=TransferKind.CORRECTION)
    subjects = sorted(corrections.values_list("subject", flat=True))
    assert subjects == [f"turn:{number}" for number in range(TURNS)]
    assert set(corrections.values_list("amount_nano_usd", flat=True)) == {MORE_NANO_USD}
    assert budget_of(team.pk).spent_nano_usd == PAID_NANO_USD + TURNS * MORE_NANO_USD
    assert ReconciliationFinding.objects.filter(settled=True).count() == TURNS
    assert wrong() == []


def test_of_many_runs_at_once_each_turn_is_corrected_by_one(settled: Team) -> None:
    all_at_once(lambda _: run(bill(), attempts()), 20)
    corrected_once(settled)
    again = run(bill(), attempts())
    assert (again.comparison.findings, again.run.state) == ([], RunState.AGREED)
    assert set(Settlement.objects.values_list("quality", flat=True)) == {"reconciled"}


def test_a_run_while_turns_settle_leaves_those_to_the_next(funded: Team, alice: User) -> None:
    def settle() -> None:
        for number in range(TURNS):
            paid(funded, alice, f"turn:{number}", tokens(number))
        connections.close_all()

    thread = threading.Thread(target=settle)
    thread.start()
    while thread.is_alive():
        known = Settlement.objects.count()
        # What its keeper offers is settled; the bill has more.
        run(bill(), attempts(known))
    thread.join()
    outcome = run(bill(), attempts())
    assert (outcome.open_findings, outcome.left_nano_usd) == (0, 0)
    corrected_once(funded)


@pytest.mark.parametrize("done", [0, 3])
def test_a_run_that_is_killed_between_corrections_is_gone_on_with(settled: Team, done: int) -> None:
    name = str(connection.settings_dict["NAME"])
    url = f"sqlite:///{name}"
    if connection.vendor == "postgresql":
        url = os.environ["TEST_DATABASE_URL"].rpartition("/")[0] + f"/{name}"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "TEST_DATABASE_URL": url,
    }
    command = [sys.executable, "-m", "tests.billing.cut_off", str(done)]
    killed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert Transfer.objects.filter(kind=TransferKind.CORRECTION).count() == done
    assert Settlement.objects.exclude(corrected_nano_usd=0).count() == done
    assert wrong() == []
    outcome = run(bill(), attempts())
    assert (len(outcome.corrected), outcome.run.state) == (TURNS - done, RunState.AGREED)
    corrected_once(settled)
