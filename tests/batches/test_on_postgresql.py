"""The work on batches again on PostgreSQL, in a run of its own; and two nodes of which one dies."""

import pytest

from tests.again import run_on_postgresql
from tests.faults.nodes.batches import on_postgresql

AGAIN = ("tests/batches/test_working.py", "tests/batches/test_races.py")
AGAIN_SLOWLY = ("tests/batches/test_rights.py", "tests/batches/test_api.py")
LINES = 60


@pytest.mark.slow
@pytest.mark.services
def test_batches_are_worked_off_in_the_same_way_on_postgresql(
    postgresql_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run_on_postgresql(AGAIN, postgresql_url, tmp_path_factory.mktemp("data"))


@pytest.mark.slow
@pytest.mark.services
def test_batches_are_made_and_shown_in_the_same_way_on_postgresql(
    postgresql_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run_on_postgresql(AGAIN_SLOWLY, postgresql_url, tmp_path_factory.mktemp("data"))


@pytest.mark.slow
@pytest.mark.services
def test_each_line_is_answered_once_though_both_nodes_died_in_turn() -> None:
    """In longer: `python -m tests.faults.nodes.batches`."""
    found = on_postgresql(LINES)
    assert found.wrong == []
    assert found.answered == LINES
