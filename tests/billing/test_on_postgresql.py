"""The same tests on PostgreSQL, in a run of their own."""

import pytest

from tests.again import run_on_postgresql

# What depends on the database; words and widgets do not.
AGAIN = tuple(
    f"tests/billing/test_{name}.py"
    for name in (
        "holds",
        "settlement",
        "guards",
        "verification",
        "commands",
        "races",
        "overview",
        "ledger_machine",
    )
)


@pytest.mark.services
def test_money_is_as_safe_on_postgresql(
    postgresql_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run_on_postgresql(AGAIN, postgresql_url, tmp_path_factory.mktemp("data"))
