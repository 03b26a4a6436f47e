"""What is opened while budgets are locked is opened before, and no grant is lost or doubled."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Team, User
from billing.budgets import budget_of, grant_credit, team_key
from billing.errors import AmountInvalid, BudgetExhausted
from billing.models import Budget, Transfer
from billing.money import MAX_GRANT_NANO_USD, MAX_NANO_USD
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
