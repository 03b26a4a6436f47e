"""What was anchored outside the database contradicts whoever writes the whole chain anew."""

import json
import stat
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Team
from billing import anchors, chain
from billing.anchors import read_anchors, write_anchors
from billing.errors import AnchorsNotWritten
from billing.models import Account, Transfer
from billing.verification import verify
from tests.billing.conftest import give
from tests.billing.planting import chain_found, numbered, plant, says, without_guards


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    """An empty folder for the anchors."""
    settings.LEDGER_ANCHORS_DIR = tmp_path / "anchors"
    return tmp_path / "anchors"


def lines(folder: Path) -> list[bytes]:
    (path,) = folder.iterdir()
    return path.read_bytes().splitlines()


def test_each_team_is_anchored_once_a_day_and_again_when_there_is_more(
    books: Team, folder: Path
) -> None:
    out = StringIO()
    call_command("anchorledger", stdout=out)
    assert out.getvalue() == f"2 teams anchored in {folder}.\n"
    assert write_anchors() == 0
    give(books, "1")
    assert write_anchors(only_first_of_day=True) == 0
    assert write_anchors() == 1
    newest = json.loads(lines(folder)[-1])
    assert (newest["team"], newest["number"]) == (str(books.pk), 9)
    assert newest["mac"] == numbered(books, 9).mac
    assert newest["day"] == anchors.today_utc().isoformat()
    assert chain_found() == []


def test_the_files_are_named_by_month_and_for_their_owner_alone(
    books: Team, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 2)):
        monkeypatch.setattr(anchors, "today_utc", lambda day=day: day)
        assert write_anchors(only_first_of_day=True) == 2
    assert sorted(path.name for path in folder.iterdir()) == ["2026-11.jsonl", "2026-12.jsonl"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert chain_found() == []


@pytest.mark.parametrize(
    ("old", "new", "detail"),
    [
        (b'"number":8', b'"number":7', "was changed: its seal does not fit"),
        (b'"day":"20', b'"day":"19', "was changed: its seal does not fit"),
        (b'"seal":', b'"extra":1,"seal":', "was changed: its seal does not fit"),
        (b'{"day":', b'"day":', "cannot be read"),
        (b'"number":8', b'"number":"x"', "cannot be read"),
    ],
)
def test_a_changed_line_is_told(
    books: Team, folder: Path, old: bytes, new: bytes, detail: str
) -> None:
    write_anchors()
    (path,) = folder.iterdir()
    place = next(n for n, line in enumerate(lines(folder), 1) if b'"number":8' in line)
    changed = [
        line.replace(old, new) if n == place else line for n, line in enumerate(lines(folder), 1)
    ]
    path.write_bytes(b"\n".join(changed) + b"\n")
    (difference,) = chain_found()
    assert (difference.code, difference.where) == ("anchor_line", f"{path.name} line {place}")
    assert difference.detail == detail


def test_a_half_written_line_is_remarked_on_and_spoils_no_other(books: Team, folder: Path) -> None:
    write_anchors()
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    for left in (1, 20, 100):
        path.write_bytes(whole[: -len(lines(folder)[-1]) - 1 + left])
        (note,) = verify().notes
        assert (
            note
            == f"Anchor {path.name} line 2 is half written, as a crash leaves it: it is not read."
        )
        assert write_anchors() == 1
        assert len(read_anchors().newest_of_teams) == 2
        assert chain_found() == []
        path.write_bytes(whole)


def test_anchors_that_are_missing_or_old_are_remarked_on(
    books: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Nothing is anchored" in verify().notes[0]
    write_anchors()
    assert verify().notes == ()
    later = anchors.today_utc() + timedelta(days=3)
    monkeypatch.setattr(anchors, "today_utc", lambda: later)
    assert verify().notes == ("The newest anchor is 3 days old: let anchorledger run every day.",)
    out = StringIO()
    call_command("verifyledger", stdout=out)
    assert "note: The newest anchor is 3 days old" in out.getvalue()


def test_a_clock_that_was_ahead_ends_no_anchors(
    books: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on(day: int) -> None:
        monkeypatch.setattr(anchors, "today_utc", lambda: date(2026, 11, day))

    for day in (3, 28, 4):
        on(day)
        assert write_anchors(only_first_of_day=True) == 2
        assert write_anchors(only_first_of_day=True) == 0
    on(9)
    assert verify().notes == ("The newest anchor is 5 days old: let anchorledger run every day.",)


def test_a_folder_that_cannot_be_written_or_read_is_told(books: Team, folder: Path) -> None:
    folder.write_text("no folder")
    with pytest.raises(AnchorsNotWritten, match="cannot be written"):
        write_anchors()
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("anchorledger")
    assert chain_found() == []
    folder.unlink()
    (folder / "2026-11.jsonl").mkdir(parents=True)
    (difference,) = chain_found()
    assert (difference.code, difference.where) == ("anchor_file", "2026-11.jsonl")


def test_a_row_on_the_other_key_is_right_and_one_without_its_key_is_named(
    books: Team, settings: Any
) -> None:
    (old,) = settings.LEDGER_KEYS
    settings.LEDGER_KEYS = ("n" * 32, old)
    give(books, "1")
    assert numbered(books, 9).key_id == chain.id_of(b"n" * 32)
    assert chain_found() == []
    settings.LEDGER_KEYS = (old,)
    (difference,) = chain_found()
    assert says(difference, "chain_key", numbered(books, 9))
    settings.LEDGER_KEYS = ("n" * 32,)
    mine, charlies = chain_found()
    assert {mine.code, charlies.code} == {"chain_key"}
    behind = {mine.detail, charlies.detail}
    assert sum("do not fit either: 7" in each for each in behind) == 1


def lower_the_counts() -> None:
    for account in Account.objects.all():
        sides = Transfer.objects.filter(debit=account).count()
        sides += Transfer.objects.filter(credit=account).count()
        Account.objects.filter(pk=account.pk).update(entries=sides)


def test_a_cut_tail_whose_counts_were_lowered_too_is_found_by_the_anchors(books: Team) -> None:
    assert write_anchors() == 2
    plant(("DELETE FROM billing_transfer WHERE id >= %s", [numbered(books, 7).pk]))
    lower_the_counts()
    (difference,) = chain_found()
    assert (difference.code, difference.where) == ("anchor", f"number 8 of {books.pk}")
    assert difference.detail.endswith("and is gone; the last one there is 6")


def test_a_team_that_was_removed_whole_is_found_by_the_anchors(
    books: Team, charlies_team: Team
) -> None:
    write_anchors()
    plant(("DELETE FROM billing_transfer WHERE id = %s", [numbered(charlies_team, 1).pk]))
    lower_the_counts()
    (difference,) = chain_found()
    assert difference.where == f"number 1 of {charlies_team.pk}"
    assert difference.detail.endswith("and is gone; none is there")


def test_a_chain_signed_anew_with_the_right_key_is_found_by_the_anchors(books: Team) -> None:
    write_anchors()

    def sign_all_anew() -> None:
        mac = ""
        Transfer.objects.filter(team=books).update(note="forged")
        for row in Transfer.objects.filter(team=books).order_by("number"):
            chain.sign(row, mac)
            mac = row.mac
            row.save()

    without_guards(sign_all_anew)
    (difference,) = chain_found()
    assert says(difference, "anchor", numbered(books, 8))
    assert "it was written anew" in difference.detail
