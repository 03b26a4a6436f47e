"""The queries and services again on PostgreSQL, in a run of their own."""

import pytest

from tests.again import run_on_postgresql

AGAIN = (
    "tests/chat/test_recovery_commands.py",
    "tests/chat/test_usage_of_turns.py",
    "tests/chat/test_conversation_services.py",
    "tests/chat/test_admin.py",
    "tests/chat/test_alerts.py",
    "tests/chat/test_truth.py",
    "tests/chat/test_relay_statistics.py",
    "tests/chat/test_relay_pages.py",
    "tests/chat/test_relay_keys.py",
    "tests/chat/test_relay_admin.py",
    "tests/chat/test_api.py",
    "tests/chat/test_node_pages.py",
    "tests/chat/test_estimates.py",
    "tests/chat/test_estimates_of_branches.py",
    "tests/chat/test_ranges.py",
    "tests/chat/test_reconciling.py",
)


@pytest.mark.slow
@pytest.mark.services
def test_conversations_are_the_same_on_postgresql(
    postgresql_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run_on_postgresql(AGAIN, postgresql_url, tmp_path_factory.mktemp("data"))
