"""The queries and services again on PostgreSQL, in a run of their own."""

import pytest

from tests.again import run_on_postgresql

AGAIN = tuple(
    f"tests/chat/test_{name}.py"
    for name in (
        "conversation_list",
        "message_pages",
        "conversation_services",
        "alerts",
        "truth",
        "relay_statistics",
        "relay_keys",
        "node_pages",
        "recovery_commands",
    )
)


@pytest.mark.services
def test_conversations_are_the_same_on_postgresql(
    postgresql_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run_on_postgresql(AGAIN, postgresql_url, tmp_path_factory.mktemp("data"))
