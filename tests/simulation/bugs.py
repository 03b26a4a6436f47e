"""The product, broken on purpose: each of these faults the simulation must find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from chat.queries.running import TurnReading
from chat.services.leases import BeatAnswer
from chat.turns.bus import Piece
from chat.turns.hub import Hub
from chat.turns.journal import Journal
from chat.turns.mirror import Mirror
from chat.turns.mirrors import Mirrors
from chat.turns.orphans import Strays
from chat.turns.post import Post
from chat.turns.viewer import Viewer
from tests.simulation.rows import ended_of
from tests.simulation.tables import Tables


def _nothing(*_: object, **__: object) -> None:
    """Do nothing."""


@contextmanager
def shown_before_it_is_stored() -> Iterator[None]:
    """A chunk is shown, then journaled."""
    cut = Journal._cut

    def cut_and_show(self: Journal) -> None:
        cut(self)
        for each in self._unsaved:
            if not each.shown:
                each.shown = True
                each.turn.publish(each.chunk)

    with patch.object(Journal, "_cut", cut_and_show):
        yield


@contextmanager
def a_zombie_shows_what_it_has() -> Iterator[None]:
    """A process that stood still shows from memory what the journal did not take."""

    def show(self: Journal, batch: Any, lost: object) -> None:
        del self._unsaved[: len(batch)]
        self.stalled_since = None
        for each in batch:
            if not each.shown:
                each.shown = True
                each.turn.publish(each.chunk)

    with patch.object(Journal, "pulse", _nothing), patch.object(Journal, "_note_saved", show):
        yield


@contextmanager
def the_last_end_wins() -> Iterator[None]:
    """An end is stored without looking at state and epoch."""

    def end_turn(self: Tables, end: Any) -> object:
        row = self.turns[end.turn_id]
        self.settle(row, end)
        return ended_of(row, by_this_call=True)

    with patch.object(Tables, "end_turn", end_turn):
        yield


@contextmanager
def a_mirror_shows_across_gaps() -> Iterator[None]:
    """What the bus lost is not noticed."""

    def take(self: Mirror, piece: Piece, now: float) -> None:
        self.heard_at = now
        if self.ready and piece.seq > self.seq and piece.text:
            self._show(piece.text)

    with patch.object(Mirror, "take", take):
        yield


@contextmanager
def a_mirror_shows_twice() -> Iterator[None]:
    """What comes twice is shown twice."""

    def take(self: Mirror, piece: Piece, now: float) -> None:
        self.heard_at = now
        if self.ready and piece.text and piece.seq in (self.seq, self.seq + 1) and piece.seq:
            self._show(piece.text)

    with patch.object(Mirror, "take", take):
        yield


@contextmanager
def the_journal_is_never_read_again() -> Iterator[None]:
    """A mirror relies on the bus alone."""

    def apply(self: Mirrors, mirror: Mirror, reading: TurnReading | None, *, asked: bool) -> None:
        if reading is not None and not mirror.ready:
            mirror.read(reading.chunks)

    with patch.object(Mirrors, "_apply", apply):
        yield


@contextmanager
def stops_go_by_the_bus_alone() -> Iterator[None]:
    """What is noted in the database stops nothing."""
    beat = Tables.beat

    def forgetful(self: Tables, of: Any) -> BeatAnswer:
        answer = beat(self, of)
        return BeatAnswer({}, answer.lost, answer.age_seconds, answer.stray)

    with patch.object(Tables, "beat", forgetful):
        yield


@contextmanager
def everybody_looks_dead() -> Iterator[None]:
    """Turns are taken over without looking at the lease of their owner."""

    def orphans(self: Tables, lease_seconds: float, by: str) -> list[Any]:
        rows = self.turns.values()
        return [row.id for row in rows if row.state == "running" and row.node != by]

    with patch.object(Tables, "orphans", orphans):
        yield


@contextmanager
def nobody_is_adopted() -> Iterator[None]:
    """The turns of a dead process are left as they are."""
    with patch.object(Tables, "orphans", lambda *_: []):
        yield


@contextmanager
def strays_are_left() -> Iterator[None]:
    """A turn whose commit lost its answer runs for ever on paper."""
    with patch.object(Strays, "note", lambda *_: []):
        yield


@contextmanager
def a_viewer_begins_one_late() -> Iterator[None]:
    """Who comes back misses a chunk."""
    watch = Viewer.watch

    def late(self: Viewer, turn: Any, after_seq: int | None = None) -> None:
        watch(self, turn, after_seq + 1 if after_seq else after_seq)

    with patch.object(Viewer, "watch", late):
        yield


@contextmanager
def ends_elsewhere_are_not_told() -> Iterator[None]:
    """A turn that another process ended is forgotten in silence."""
    with patch.object(Hub, "end_as_stored", lambda self, turn, _ended: self.drop(turn)):
        yield


@contextmanager
def a_task_is_left() -> Iterator[None]:
    """The post goes on after its engine has ended."""

    async def leave(_self: Post) -> None:
        """Nothing ends here."""

    with patch.object(Post, "aclose", leave):
        yield


# Each with the faults in which it shows soonest.
BUGS: tuple[tuple[Callable[[], Any], tuple[str, ...]], ...] = (
    (shown_before_it_is_stored, ("kill",)),
    (a_zombie_shows_what_it_has, ("stop", "stop")),
    (the_last_end_wins, ("database failing",)),
    (a_mirror_shows_across_gaps, ("bus losing",)),
    (a_mirror_shows_twice, ("bus losing",)),
    (the_journal_is_never_read_again, ("kill",)),
    (stops_go_by_the_bus_alone, ("bus down",) * 4),
    (everybody_looks_dead, ("lines slow",)),
    (nobody_is_adopted, ("kill",)),
    (strays_are_left, ("database failing", "database failing")),
    (a_viewer_begins_one_late, ("lines slow",)),
    (ends_elsewhere_are_not_told, ("kill",)),
    (a_task_is_left, ("lines slow",)),
)
