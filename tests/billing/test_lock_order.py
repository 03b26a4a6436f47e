"""What is opened while budgets are locked is opened before, and no grant is lost or doubled."""

from collections.abc import Iterable
from threading import Thread

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Team, User
from billing.budgets import budget_of, grant_credit, team_key
from billing.errors import AmountInvalid, BudgetExhausted
from billing.fold import Books, Row, fold
from billing.models import Account, Budget, Transfer
from billing.money import MAX_GRANT_NANO_USD, MAX_NANO_USD
from billing.verification import verify
from tests.billing.conftest import give, hold_for
from tests.billing.limiting import limited


def test_a_teams_first_budget_is_opened_before_any_is_locked(
    team: Team, alice: User, priced: str
) -> None:
    # Whoever locked Alice's limit first and opened the team's credit then would wait for Bob's
    # turn, which locks the team's credit first.
    limited("1", team, alice)
    limited("1")
    assert not Budget.objects.filter(key=team_key(team.pk)).exists()
    with (
        CaptureQueriesContext(
            connection,
        ) as seen,
        pytest.raises(BudgetExhausted),
    ):
        hold_for(team, alice)
    statements = [query["sql"] for query in seen.captured_queries]
    opening = [n for n, sql in enumerate(statements) if sql.startswith('INSERT INTO "billing_bud')]
    locking = [n for n, sql in enumerate(statements) if "ORDER BY rank, id" in sql]
    assert len(opening) == 3
    assert max(opening) < min(locking)


def test_credit_beyond_64_bits_is_refused(team: Team) -> None:
    give(team, "1")
    Budget.objects.filter(team=team).update(granted_nano_usd=MAX_NANO_USD - MAX_GRANT_NANO_USD)
    grant_credit(team_id=team.pk, amount_nano_usd=MAX_GRANT_NANO_USD)
    with pytest.raises(AmountInvalid):
        grant_credit(team_id=team.pk, amount_nano_usd=1)
    assert budget_of(team.pk).granted_nano_usd == MAX_NANO_USD
    assert Transfer.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_new_teams_first_credit_is_not_lost_to_a_rebuild(
    team: Team, charlies_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(team, "1")
    granting: list[Thread] = []

    def grant() -> None:
        give(charlies_team, "1")
        connection.close()

    def fold_while_somebody_grants(rows: Iterable[Row]) -> Books:
        books = fold(rows)
        if not granting:
            granting.append(Thread(target=grant))
            granting[0].start()
            # It waits for the rebuild, or it is done by now.
            granting[0].join(1)
        return books

    monkeypatch.setattr("billing.verification.fold", fold_while_somebody_grants)
    verify(rebuild=True)
    granting[0].join()
    assert Account.objects.get(kind="funding").debits_posted_nano_usd == 2 * 10**9
