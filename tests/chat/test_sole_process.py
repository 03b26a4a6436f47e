"""One process serves an SQLite database, by whatever name it reaches the file."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.sole_process import SecondProcess, claim, is_claimed_elsewhere
from tests.processes import ROOT

HOLD = """
import sys
from pathlib import Path
from chat.sole_process import claim
claim(Path(sys.argv[1]))
print("claimed", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Path]:
    """A database file that another process has claimed."""
    database = tmp_path / "data" / "tram.sqlite3"
    database.parent.mkdir()
    database.touch()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"claimed\n"
        yield database
        holder.kill()


def test_a_second_process_is_refused_and_told_which_file(held: Path) -> None:
    with pytest.raises(SecondProcess, match=r"tram\.sqlite3"):
        claim(held)
    assert is_claimed_elsewhere(held)


def test_another_name_of_the_file_is_the_same_file(held: Path, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(held.parent)
    (tmp_path / "link.sqlite3").symlink_to(held)
    for name in (tmp_path / "other" / held.name, tmp_path / "link.sqlite3"):
        with pytest.raises(SecondProcess):
            claim(name)


def test_another_database_is_free_and_may_be_claimed_twice_by_one_process(tmp_path: Path) -> None:
    database = tmp_path / "tram.sqlite3"
    assert not is_claimed_elsewhere(database)
    claim(database)
    claim(database)
    assert not is_claimed_elsewhere(database)


def test_a_killed_process_holds_nothing(tmp_path: Path, held: Path) -> None:
    # The fixture's holder ends with the test; here one is killed as a crash would.
    database = tmp_path / "tram.sqlite3"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert is_claimed_elsewhere(database)
        holder.kill()
        holder.wait()
    assert not is_claimed_elsewhere(database)
