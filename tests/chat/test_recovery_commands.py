"""`manage.py recoverturns` and `prunejournal`: what they settle and remove, and what they leave."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from accounts.policy import Principal
from chat.models import JournalChunk, Node, Turn
from chat.services.leases import BeatOf, beat
from tests.chat.admitting import finish, send
from tests.chat.test_admission import priced

__all__ = ["priced"]


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def journal(turn: Any, text: str) -> None:
    JournalChunk.objects.create(
        turn_id=turn.turn_id, epoch=1, seq=1, offset=0, content=text, reasoning=""
    )


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server runs on this database."""

    def claimed(_database: Path) -> bool:
        return True

    monkeypatch.setattr("chat.management.commands.recoverturns.is_claimed_elsewhere", claimed)
    monkeypatch.setattr("chat.management.commands.recoverturns.BEATS", 0)


def test_a_turn_without_a_living_process_is_settled_and_told(
    alice: Principal, served: None
) -> None:
    turn = send(alice)
    journal(turn, "It was ")
    said = run("recoverturns")
    assert f"{turn.turn_id}: orphaned, 7 characters kept" in said
    assert "1 turns without a living process." in said
    assert Turn.objects.get().state == "orphaned"
    assert run("recoverturns") == "0 turns without a living process.\n"


def test_a_turn_of_a_living_process_is_left(alice: Principal, served: None) -> None:
    send(alice)
    beat(BeatOf("here", "all", False, ()))
    assert "0 turns" in run("recoverturns")
    assert Turn.objects.get().state == "running"


def test_a_dry_run_only_looks(alice: Principal, served: None) -> None:
    turn = send(alice)
    said = run("recoverturns", "--dry-run")
    assert f"{turn.turn_id}: of here, left as it is." in said
    assert Turn.objects.get().state == "running"


def test_where_no_lock_tells_who_serves_leases_do(
    alice: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.sole_process.sys.platform", "win32")
    send(alice)
    beat(BeatOf("here", "all", False, ()))
    assert "0 turns" in run("recoverturns")


def test_where_nobody_serves_no_lease_is_waited_for(alice: Principal) -> None:
    from django.db import connection

    if connection.vendor != "sqlite":
        pytest.skip("only a lock file proves that nobody serves")
    send(alice)
    beat(BeatOf("here", "all", False, ()))
    assert "1 turns" in run("recoverturns")
    assert Node.objects.exists()


def test_the_journal_keeps_only_what_runs(alice: Principal) -> None:
    running, ended = send(alice), send(alice)
    journal(running, "kept")
    finish(ended)
    journal(ended, "left over")
    told = "1 journal rows removed.\n0 answers to programs forgotten.\n"
    assert run("prunejournal") == told
    assert [chunk.content for chunk in JournalChunk.objects.all()] == ["kept"]
