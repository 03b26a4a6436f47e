"""Cut, journal, deliver: one loop a process carries the new text of all its turns at each tick."""

import asyncio
import contextlib
from dataclasses import dataclass

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

    def interval(self, live_turns: int) -> float:
        """Seconds between two flushes while `live_turns` turns run."""
        stretched = self.interval_seconds * max(1.0, live_turns / self.calm_turns)
        return min(stretched, self.interval_max_seconds)


class Journal:
    """Owns the flushing of every live turn of this process.

    Order of one tick: cut the gathered text of all dirty turns into chunks, commit them together,
    publish them. While the store stalls, chunks are published from memory and stay in line for it.
    """

    def __init__(self, store: ChunkStore, rhythm: Rhythm) -> None:
        self._store = store
        self._rhythm = rhythm
        # Turns with gathered text, each with the loop time at which it is to be flushed.
        self._due: dict[LiveTurn, float] = {}
        self._something = asyncio.Event()
        self._urgent = asyncio.Event()
        self._last_tick = 0.0
        self.live_turns = 0
        # Cut and not yet committed, in order. Bounded by what arrives in `stop_seconds`.
        self._unsaved: list[Chunk] = []
        # Loop time since when commits have been failing or hanging; None while all is well.
        self.stalled_since: float | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to flush, in a task owned by this journal until `aclose`."""
        self._task = asyncio.create_task(self._run(), name="journal")

    def touch(self, turn: LiveTurn, *, first: bool = False) -> None:
        """`turn` has gathered text. The first text of a turn goes out at once."""
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
            await self._save(self._cut())

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

    def _cut(self) -> list[tuple[LiveTurn, Chunk]]:
        """Cut the turns that are due."""
        now = asyncio.get_running_loop().time()
        cuts = []
        for turn in [turn for turn, due in self._due.items() if due <= now]:
            del self._due[turn]
            turn.cut_at = now
            if (chunk := turn.cut()) is not None:
                cuts.append((turn, chunk))
        self._unsaved += [chunk for _, chunk in cuts]
        return cuts

    async def _save(self, cuts: list[tuple[LiveTurn, Chunk]]) -> None:
        """Commit all that is unsaved, then publish `cuts`; the other way round while the store is
        slow or fails, so that nobody waits for it."""
        if not self._unsaved:
            return
        batch = list(self._unsaved)
        commit = asyncio.ensure_future(self._store.append(batch))
        if self.stalled_since is None:
            await asyncio.wait({commit}, timeout=self._rhythm.stall_seconds)
        _publish(cuts)
        if not commit.done():
            self._mark_stalled()
        while not commit.done():
            await asyncio.wait({commit}, timeout=self._rhythm.interval_max_seconds)
            _publish(self._cut())
        try:
            commit.result()
        except Exception as error:
            self._mark_stalled()
            log.warning("journal_commit_failed", error=type(error).__name__, chunks=len(batch))
            await asyncio.sleep(self._rhythm.retry_seconds)
        else:
            self.stalled_since = None
            del self._unsaved[: len(batch)]

    def _mark_stalled(self) -> None:
        if self.stalled_since is None:
            self.stalled_since = asyncio.get_running_loop().time()


def _publish(cuts: list[tuple[LiveTurn, Chunk]]) -> None:
    for turn, chunk in cuts:
        turn.publish(chunk)
