"""An end that the database does not take is kept in a file, applied once, and never shortens."""

import asyncio
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError

from accounts.policy import Principal
from billing.budgets import budget_of
from billing.models import Settlement
from chat.models import Turn
from chat.services.attempts import AttemptEnd, ReportedUsage
from chat.services.ending import Ended, TurnEnd, end_turn, stored_end
from chat.services.intents import Admitted, PromptMessage
from chat.services.recovery import complete_text, recover_turn
from chat.turns.settling import Settler
from chat.turns.spool import Spool
from tests.chat.admitting import attempt_of, send
from tests.chat.conftest import alice, people
from tests.chat.test_admission import priced
from tests.people import Cast
from tests.turns.doubles import MemoryRecords, until

__all__ = ["alice", "people", "priced"]


def an_end(turn_id: UUID | None = None, content: str = "It was a dark night 🌙") -> TurnEnd:
    attempt = AttemptEnd(
        number=1,
        relay="relay",
        model="gpt-4.1",
        outcome="interrupted",
        billed=True,
        prompt=(PromptMessage("user", "Tell"),),
        generated=content,
        usage=ReportedUsage(1, 2, 3, None),
    )
    return TurnEnd(turn_id or uuid4(), 1, "gpt-4.1", "interrupted", content, "why", (attempt,))


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def files(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "spool"
    return sorted(folder.iterdir()) if folder.exists() else []


def test_an_end_is_kept_whole_and_for_this_user_alone(spool: Spool, tmp_path: Path) -> None:
    end = an_end()
    spool.keep(end)
    assert list(spool.ends()) == [end]
    (file,) = files(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    spool.remove(end.turn_id)
    assert files(tmp_path) == []


def test_a_broken_file_is_set_aside_and_the_others_are_read(spool: Spool, tmp_path: Path) -> None:
    end = an_end()
    spool.keep(end)
    for name, data in (("half", b'{"turn_id": "'), ("other", b"[]"), ("bytes", b'"\xff\xfe"')):
        (tmp_path / "spool" / f"{name}.json").write_bytes(data)
    assert list(spool.ends()) == [end]
    assert list(spool.ends()) == [end]
    assert [file.name for file in files(tmp_path) if file.suffix == ".broken"] == [
        "bytes.broken",
        "half.broken",
        "other.broken",
    ]


async def test_what_cannot_be_read_keeps_nothing_else_from_being_settled(
    spool: Spool, tmp_path: Path
) -> None:
    end, records = an_end(), MemoryRecords()
    spool.keep(end)
    # As root everything may be read, but not this.
    (tmp_path / "spool" / "folder.json").mkdir()
    assert await Settler(records, spool).settle_kept() == 1
    assert records.ends == [end]
    (tmp_path / "file").write_bytes(b"")
    assert await Settler(records, Spool(tmp_path / "file")).settle_kept() == 0


def test_a_file_that_could_not_be_written_leaves_nothing(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        spool.keep(an_end())
    assert files(tmp_path) == []


class Storing:
    """A settler that stores one end while the database fails."""

    def __init__(self, spool: Spool) -> None:
        self.records, self.end, self.told = MemoryRecords(), an_end(), 0
        self.records.error = OperationalError("gone")
        self.settler = Settler(self.records, spool, keep_after_seconds=0.02, elsewhere_seconds=0.05)
        self.task = asyncio.create_task(self._store())

    async def _store(self) -> Ended | None:
        return await self.settler.store(self.end, self._tell)

    def _tell(self) -> None:
        self.told += 1


async def test_an_end_that_is_not_taken_is_kept_and_removed_once_it_is(
    spool: Spool, tmp_path: Path
) -> None:
    storing = Storing(spool)
    await until(lambda: files(tmp_path))
    assert storing.told == 1
    storing.records.error = None
    ended = await storing.task
    assert ended is not None
    assert storing.records.ends == [storing.end]
    assert storing.told == 1
    assert files(tmp_path) == []


async def test_an_end_that_is_taken_at_once_is_never_written(spool: Spool, tmp_path: Path) -> None:
    records = MemoryRecords()
    told: list[str] = []
    await Settler(records, spool).store(an_end(), lambda: told.append("kept"))
    assert (len(records.ends), told, files(tmp_path)) == (1, [], [])


async def test_a_process_that_must_go_keeps_what_it_could_not_store(
    spool: Spool, tmp_path: Path
) -> None:
    storing = Storing(spool)
    await until(lambda: storing.records.failures)
    storing.task.cancel()
    await asyncio.wait({storing.task})
    assert list(spool.ends()) == [storing.end]
    later = MemoryRecords()
    assert await Settler(later, spool).settle_kept() == 1
    assert later.ends == [storing.end]
    assert files(tmp_path) == []
    assert await Settler(later, spool).settle_kept() == 0


async def test_what_the_database_still_refuses_stays(spool: Spool, tmp_path: Path) -> None:
    spool.keep(an_end())
    records = MemoryRecords()
    records.error = OperationalError("gone")
    assert await Settler(records, spool).settle_kept() == 0
    assert len(files(tmp_path)) == 1


async def test_without_room_in_the_spool_the_end_is_tried_again(tmp_path: Path) -> None:
    # A file where the folder should be.
    (tmp_path / "spool").write_text("")
    storing = Storing(Spool(tmp_path / "spool"))
    await until(lambda: storing.told)
    storing.records.error = None
    assert await storing.task is not None
    assert storing.records.ends == [storing.end]


def kept_end(turn: Admitted, content: str) -> TurnEnd:
    return replace(an_end(turn.turn_id, content), attempts=(attempt_of(turn, content),))


def journal(turn: Admitted, text: str) -> None:
    from chat.models import JournalChunk

    JournalChunk.objects.create(
        turn_id=turn.turn_id, epoch=turn.epoch, seq=1, offset=0, content=text, reasoning="why"
    )


def test_the_text_of_a_turn_that_was_taken_over_is_completed_and_not_its_cost(
    alice: Principal, people: Cast
) -> None:
    turn = send(alice)
    journal(turn, "It was")
    recovered = recover_turn(turn.turn_id)
    assert recovered is not None
    spent = budget_of(people.team.pk).spent_nano_usd
    assert complete_text(kept_end(turn, "It was a dark night"))
    ended = stored_end(turn.turn_id)
    assert ended is not None
    assert (ended.content, ended.state) == ("It was a dark night", "orphaned")
    assert ended.sha256 != recovered.sha256
    assert (ended.cost_nano_usd, spent) == (
        recovered.cost_nano_usd,
        budget_of(people.team.pk).spent_nano_usd,
    )
    assert not complete_text(kept_end(turn, "It was a dark night"))


Change = Callable[[Admitted], None]


@pytest.mark.parametrize("content", ["It", "Another text", "It was"])
def test_a_text_is_neither_shortened_nor_replaced(alice: Principal, content: str) -> None:
    turn = send(alice)
    journal(turn, "It was")
    recovered = recover_turn(turn.turn_id)
    assert not complete_text(kept_end(turn, content))
    ended = stored_end(turn.turn_id, by_this_call=True)
    assert ended == recovered


def test_a_turn_that_ended_otherwise_is_left_alone(alice: Principal) -> None:
    turn = send(alice)
    end = kept_end(turn, "It was")
    assert end_turn(end) is not None
    assert not complete_text(replace(end, content="It was a dark night"))
    assert not complete_text(replace(end, turn_id=uuid4()))


def test_a_kept_end_is_settled_once(alice: Principal) -> None:
    turn = send(alice)
    end = kept_end(turn, "It was")
    first, second = end_turn(end), end_turn(end)
    assert first is not None
    assert second is not None
    assert (first.by_this_call, second.by_this_call) == (True, False)
    assert Settlement.objects.filter(subject=Turn.objects.get().subject).count() == 1
