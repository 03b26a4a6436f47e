"""Cut, journal, deliver: one loop a process carries the new text of all its turns at each tick."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from uuid import UUID

import structlog

from chat.protocol import Chunk
from chat.turns.live import LiveTurn
from chat.turns.store import ChunkStore

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often text goes out. A turn is flushed at once unless its last flush was under
    `interval_seconds` ago; with many turns the interval stretches, up to `interval_max_seconds`."""

    interval_seconds: float = 0.015
    interval_max_seconds: float = 0.06
    # Live turns up to which the short interval is kept.
    calm_turns: int = 20
    # Least time between two commits, each of all turns that are due.
    tick_seconds: float = 0.01
    flush_bytes: int = 1024
    # A commit slower than this does not hold delivery up.
    stall_seconds: float = 0.25
    # After this long without a commit the turns of the process are stopped.
    stop_seconds: float = 30.0
    # Pause after a failed commit.
    retry_seconds: float = 0.5
    # A process that stood still for so long may have lost its turns meanwhile: half a lease.
    pause_seconds: float = 5.0
    # What was committed so lately may be lost where the database itself crashed.
    unsynced_seconds: float = 2.0

    def interval(self, live_turns: int) -> float:
        """Seconds between two flushes while `live_turns` turns run."""
        stretched = self.interval_seconds * max(1.0, live_turns / self.calm_turns)
        return min(stretched, self.interval_max_seconds)


@dataclass(slots=True)
class _Cut:
    turn: LiveTurn
    chunk: Chunk
    shown: bool = False


class Journal:
    """Owns the flushing of every live turn of this process.

    Order of one tick: cut the gathered text of all dirty turns into chunks, commit them together,
    publish them. While the store stalls, chunks are published from memory and stay in line for it;
    but not after this process stood still, for then another one may own its turns by now.
    """

    def __init__(self, store: ChunkStore, rhythm: Rhythm) -> None:
        self._store = store
        self._rhythm = rhythm
        # Told of turns that another process owns, by what the store says.
        self.on_lost: Callable[[Collection[UUID]], None] = lambda _lost: None
        # Turns with gathered text, each with the loop time at which it is to be flushed.
        self._due: dict[LiveTurn, float] = {}
        self._something = asyncio.Event()
        self._urgent = asyncio.Event()
        self._last_tick = 0.0
        self.live_turns = 0
        # Chunks that were shown before they were stored.
        self.shown_early = 0
        # Cut and not yet committed, in order. Bounded by what arrives in `stop_seconds`.
        self._unsaved: list[_Cut] = []
        # Commits of the last seconds, each with its loop time.
        self._saved: deque[tuple[float, list[_Cut]]] = deque()
        # Loop time since when commits have been failing or hanging; None while all is well.
        self.stalled_since: float | None = None
        # Loop time at which this process was last seen running; None where nobody looks.
        self._pulse_at: float | None = None
        # It stood still, and the store has not confirmed since that its turns are still its own.
        self._in_doubt = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to flush, in a task owned by this journal until `aclose`."""
        self._task = asyncio.create_task(self._run(), name="journal")

    def touch(self, turn: LiveTurn, *, first: bool = False) -> None:
        """`turn` has gathered text. The first text of a turn goes out at once."""
        if turn.lost:
            return
        if first or turn.gathered_bytes >= self._rhythm.flush_bytes:
            self._due[turn] = 0.0
            self._urgent.set()
        elif turn not in self._due:
            self._due[turn] = turn.cut_at + self._rhythm.interval(self.live_turns)
        self._something.set()

    async def flush(self, turn: LiveTurn) -> None:
        """Wait until everything gathered of `turn` is journaled (or delivery went on without)."""
        if turn.gathered_bytes:
            self.touch(turn, first=True)
        await turn.published_all.wait()

    def pulse(self) -> None:
        """This process runs: called at least every few seconds, to notice when it stood still."""
        now = asyncio.get_running_loop().time()
        if self._pulse_at is not None and now - self._pulse_at > self._rhythm.pause_seconds:
            log.warning("process_stood_still", seconds=round(now - self._pulse_at, 1))
            self.doubt()
            if self.stalled_since is not None:
                # The store could not have answered meanwhile.
                self.stalled_since = now
        self._pulse_at = now

    def doubt(self) -> None:
        """Others may own the turns by now: show nothing before the store has taken it."""
        self._in_doubt = True

    def storage_is_lost(self) -> bool:
        """Whether commits have failed for so long that turns must be stopped."""
        return self.stall_seconds() > self._rhythm.stop_seconds

    def stall_seconds(self) -> float:
        """How long commits have been failing or hanging; 0 while all is well."""
        if self.stalled_since is None:
            return 0.0
        return asyncio.get_running_loop().time() - self.stalled_since

    async def aclose(self) -> None:
        """Stop flushing and give back the store. The owner has let all turns end before."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._store.aclose()

    async def _run(self) -> None:
        while True:
            if not self._unsaved and not self._due:
                await self._something.wait()
            await self._next_tick()
            self._cut()
            await self._save()

    async def _next_tick(self) -> None:
        """Wait for the tick to pass, or for something urgent."""
        loop = asyncio.get_running_loop()
        pause = self._last_tick + self._rhythm.tick_seconds - loop.time()
        if pause > 0 and not self._urgent.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._urgent.wait()
        self._urgent.clear()
        self._something.clear()
        self._last_tick = loop.time()

    def _cut(self) -> None:
        """Cut the turns that are due."""
        now = asyncio.get_running_loop().time()
        for turn in [turn for turn, due in self._due.items() if due <= now]:
            del self._due[turn]
            turn.cut_at = now
            if (chunk := turn.cut()) is not None:
                self._unsaved.append(_Cut(turn, chunk))

    async def _save(self) -> None:
        """Commit all that is unsaved, then publish it; the other way round while the store is
        slow or fails, so that nobody waits for it."""
        if not self._unsaved:
            return
        batch = list(self._unsaved)
        commit = asyncio.ensure_future(self._store.append([cut.chunk for cut in batch]))
        if self.stalled_since is None:
            await asyncio.wait({commit}, timeout=self._rhythm.stall_seconds)
        while not commit.done():
            self._go_on_from_memory()
            await asyncio.wait({commit}, timeout=self._rhythm.interval_max_seconds)
            self._cut()
        try:
            lost = commit.result()
        except Exception as error:
            log.warning("journal_commit_failed", error=type(error).__name__, chunks=len(batch))
            self._go_on_from_memory()
            self._say_again_what_may_be_lost()
            await self._wait_for_retry()
        else:
            self._note_saved(batch, lost)

    def _note_saved(self, batch: list[_Cut], lost: Collection[UUID]) -> None:
        self.stalled_since = None
        self._in_doubt = False
        del self._unsaved[: len(batch)]
        now = asyncio.get_running_loop().time()
        self._saved.append((now, batch))
        while self._saved[0][0] < now - self._rhythm.unsynced_seconds:
            self._saved.popleft()
        if lost:
            for cut in batch:
                if cut.chunk.turn in lost:
                    self.forget(cut.turn)
            self._unsaved = [cut for cut in self._unsaved if not cut.turn.lost]
            self.on_lost(lost)
        _show(batch)

    def forget(self, turn: LiveTurn) -> None:
        """Another process owns the turn: nothing more of it is stored or shown here."""
        turn.lose()
        self._due.pop(turn, None)

    def _go_on_from_memory(self) -> None:
        """Show what the store has not taken yet, unless somebody else may own the turns by now."""
        if self._pulse_at is not None:
            self.pulse()
        if self.stalled_since is None:
            self.stalled_since = asyncio.get_running_loop().time()
        if not self._in_doubt or self.storage_is_lost():
            self.shown_early += _show(self._unsaved)

    def _say_again_what_may_be_lost(self) -> None:
        """A database that crashed may have lost the commits of its last moments: store them once
        more. What it has, it keeps."""
        again = [cut for _, batch in self._saved for cut in batch if not cut.turn.lost]
        self._saved.clear()
        self._unsaved[:0] = again

    async def _wait_for_retry(self) -> None:
        """Pause after a failure, while delivery goes on."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._rhythm.retry_seconds
        while (pause := until - loop.time()) > 0:
            await asyncio.sleep(min(pause, self._rhythm.interval_max_seconds))
            self._cut()
            self._go_on_from_memory()


def _show(cuts: list[_Cut]) -> int:
    hidden = [cut for cut in cuts if not cut.shown and not cut.turn.lost]
    for cut in hidden:
        cut.shown = True
        cut.turn.publish(cut.chunk)
    return len(hidden)
