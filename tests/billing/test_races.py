"""Budgets hold and turns settle once at any concurrency, on either database."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, connections

from accounts.models import Team, User
from billing.budgets import budget_of, grant_credit
from billing.errors import BudgetExhausted
from billing.guards import missing_guards
from billing.models import Transfer
from billing.settlement import Settled
from billing.snapshot import snapshot
from billing.verification import verify
from tests.billing.conftest import give, hold_for, settle_as

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 20


@pytest.fixture(autouse=True)
def no_guard_but_for_updates(db: None) -> None:
    """The test database lets itself be emptied; everything else of the guards stands."""
    emptying = ("_refuse_delete", "_refuse_truncate")
    assert all(name.endswith(emptying) for name in missing_guards(connection))


def all_at_once(act: Callable[[int], object], times: int) -> None:
    """Call `act` with 0 to times - 1 from many threads that start together."""
    errors: list[BaseException] = []
    start = threading.Barrier(THREADS)

    def work(first: int) -> None:
        try:
            start.wait(30)
            for number in range(first, times, THREADS):
                act(number)
                # Back to the pool, which is smaller than this crowd, as after a request.
                connections.close_all()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not errors, errors[0]
    assert not any(thread.is_alive() for thread in threads)


def only_missing_delete_guards() -> bool:
    return {difference.code for difference in verify().differences} <= {"guard_missing"}


def test_of_200_parallel_turns_with_money_for_10_at_most_10_run(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "0.16")
    admitted: list[int] = []
    refused: list[int] = []

    def send(number: int) -> None:
        try:
            # No room to shorten: a prompt of the whole hold's price and the least answer.
            hold_for(team, alice, f"turn:{number}", prompt_bytes=1744, max_tokens=256)
            admitted.append(number)
        except BudgetExhausted:
            refused.append(number)

    all_at_once(send, 200)
    assert (len(admitted), len(refused)) == (10, 190)
    assert budget_of(team.pk).remaining_nano_usd == 0
    assert only_missing_delete_guards()


def test_holds_settlements_and_grants_at_once_keep_the_books(
    team: Team, charlies_team: Team, alice: User, priced: str
) -> None:
    give(team, "0.5")
    give(charlies_team, "0.5")

    def live(number: int) -> None:
        payer = (team, charlies_team)[number % 2]
        try:
            hold_for(payer, alice, f"turn:{number}")
        except BudgetExhausted:
            grant_credit(team_id=payer.pk, amount_nano_usd=1_000_000)
            return
        settle_as(f"turn:{number}", 100, number * 20)

    all_at_once(live, 120)
    assert only_missing_delete_guards()
    assert budget_of(team.pk).held_nano_usd == 0


def test_rivals_settle_a_turn_once(team: Team, alice: User, priced: str) -> None:
    give(team, "1")
    hold_for(team, alice, "turn:1")
    results: list[Settled] = []
    all_at_once(lambda number: results.append(settle_as("turn:1", number, number)), THREADS)
    assert len(set(results)) == 1
    assert Transfer.objects.filter(subject="turn:1", kind="release").count() == 1
    assert budget_of(team.pk).spent_nano_usd == results[0].cost_nano_usd
    assert only_missing_delete_guards()


def test_a_verification_keeps_no_turn_waiting_and_sees_one_state(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "1")

    def send() -> None:
        hold_for(team, alice, "turn:1")
        connections.close_all()

    with snapshot():
        assert Transfer.objects.count() == 1
        sender = threading.Thread(target=send)
        sender.start()
        sender.join(10)
        assert not sender.is_alive()
        assert Transfer.objects.count() == 1
    assert Transfer.objects.count() == 2
    assert only_missing_delete_guards()


def test_the_same_turn_sent_twice_at_once_is_held_once(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "1")
    all_at_once(lambda _number: hold_for(team, alice, "turn:1"), THREADS)
    assert Transfer.objects.filter(kind="hold").count() == 1
    assert only_missing_delete_guards()
