"""The same tests on PostgreSQL, in a run of their own."""

import pytest

from tests.again import run_on_postgresql

AGAIN = (
    "tests/billing/test_holds.py",
    "tests/billing/test_settlement.py",
    "tests/billing/test_markups.py",
    "tests/billing/test_price_book.py",
    "tests/billing/test_price_trial.py",
    "tests/billing/test_guards.py",
    "tests/billing/test_verification.py",
    "tests/billing/test_chain.py",
    "tests/billing/test_planted_cells.py",
    "tests/billing/test_lock_order.py",
    "tests/billing/test_races.py",
    "tests/billing/test_corrections.py",
    "tests/billing/test_relays_and_corrections.py",
    "tests/billing/test_reconciliation_races.py",
    "tests/billing/test_limits.py",
    "tests/billing/test_limit_setting.py",
    "tests/billing/test_limit_races.py",
    "tests/billing/test_codes.py",
    "tests/billing/test_spend_alerts.py",
    "tests/billing/test_alert_delivery.py",
    "tests/billing/test_usage.py",
    "tests/billing/test_usage_races.py",
    "tests/billing/test_usage_pages.py",
)
# The rest, for `make slow`.
AGAIN_SLOWLY = (
    "tests/billing/test_replay.py",
    "tests/billing/test_statements.py",
    "tests/billing/test_commands.py",
    "tests/billing/test_overview.py",
    "tests/billing/test_limit_admin.py",
    "tests/billing/test_admin_credit.py",
    "tests/billing/test_alert_obstacles.py",
    "tests/billing/test_topups.py",
    "tests/billing/test_price_admin.py",
    "tests/billing/test_ledger_machine.py",
    "tests/billing/test_turn_machine.py",
    "tests/billing/test_anchors.py",
    "tests/billing/test_migration.py",
    "tests/billing/test_answer_lengths.py",
    "tests/billing/test_bounds.py",
    "tests/billing/test_what_is_in_force.py",
    "tests/billing/test_what_is_written.py",
)


@pytest.mark.services
def test_money_is_as_safe_on_postgresql(
    postgresql_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run_on_postgresql(AGAIN, postgresql_url, tmp_path_factory.mktemp("data"))


@pytest.mark.slow
@pytest.mark.services
def test_money_is_as_safe_on_postgresql_in_the_rest_too(
    postgresql_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run_on_postgresql(AGAIN_SLOWLY, postgresql_url, tmp_path_factory.mktemp("data"))
