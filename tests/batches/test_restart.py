"""A batch on a real server whose process dies in the middle."""

from pathlib import Path

from tests.faults.nodes.batches import on_sqlite

LINES = 30


def test_each_line_is_answered_once_and_each_turn_paid_once_though_the_process_died(
    server_template: Path, tmp_path: Path
) -> None:
    """In longer: `python -m tests.faults.nodes.batches`."""
    found = on_sqlite(tmp_path / "site", server_template, LINES)
    assert found.wrong == []
    assert found.answered == LINES
