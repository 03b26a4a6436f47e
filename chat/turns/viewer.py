"""One client that watches turns: a cursor for each turn, a window of bytes, and a pump.

Nothing is queued per viewer: a viewer remembers how far it read in each turn's frames, so a slow
client costs a number, not memory. Only the few frames that belong to no turn wait, in a bounded
queue.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from chat.protocol import Person, encode_event
from chat.protocol.events import Event
from chat.turns.broadcast import Broadcast

SendFrame = Callable[[str], Awaitable[None]]

HOLD_SECONDS = 3.0
"""A client that acknowledges nothing for so long gets ended answers as snapshots."""
QUEUE_WINDOWS = 4
"""What belongs to no turn may wait for a client as long as it is so many windows at most."""


class Lagging(Exception):
    """The client did not acknowledge chunks for too long."""


@dataclass(slots=True)
class _Cursor:
    # The chunk after which to begin, until what is stored of the turn is here; then `next_index`.
    after_seq: int | None
    next_index: int = 0
    needs_snapshot: bool = False
    placed: bool = False
    sent_seq: int = 0
    # Sent and not yet acknowledged chunks: (seq, bytes).
    unacked: deque[tuple[int, int]] = field(default_factory=deque)


class Viewer:
    """Delivers to one client, in order, within its window of unacknowledged bytes."""

    def __init__(
        self,
        send: SendFrame,
        *,
        person: Person | None = None,
        window_bytes: int,
        ack_timeout_seconds: float,
        queue_frames: int,
        acks: bool = True,
    ) -> None:
        """Without `acks` whatever `send` returned from counts as acknowledged."""
        self.person = person
        self._acks = acks
        self._send = send
        self._window_bytes = window_bytes
        self._ack_timeout_seconds = ack_timeout_seconds
        self._queue: deque[str] = deque()
        self._queue_characters = 0
        self._queue_frames = queue_frames
        self._cursors: dict[Broadcast, _Cursor] = {}
        self._dirty: dict[Broadcast, None] = {}
        self._unacked_bytes = 0
        # Loop time since when the full window has had no acknowledgement.
        self._stalled_since: float | None = None
        self._wakeup = asyncio.Event()
        self._overflow = False

    def say(self, event: Event) -> None:
        """Queue an event that belongs to no turn."""
        if len(self._queue) >= self._queue_frames or (
            # A long one waits alone: it may be the end of an answer.
            self._queue_characters > QUEUE_WINDOWS * self._window_bytes
        ):
            self._overflow = True
        else:
            text = encode_event(event)
            self._queue.append(text)
            self._queue_characters += len(text)
        self._wakeup.set()

    def watch(self, turn: Broadcast, after_seq: int | None = None) -> None:
        """Follow a turn: from the chunk after `after_seq`, or, if that is None or not known here,
        from a snapshot."""
        self.unwatch(turn)
        self._cursors[turn] = cursor = _Cursor(after_seq)
        if turn.ready:
            _place(cursor, turn)
        turn.watchers.add(self)
        self.wake(turn)

    def unwatch(self, turn: Broadcast) -> None:
        """Stop following a turn."""
        turn.watchers.discard(self)
        cursor = self._cursors.pop(turn, None)
        if cursor:
            self._unacked_bytes -= sum(size for _, size in cursor.unacked)
            if self._unacked_bytes < self._window_bytes:
                # What is not watched any more holds up nobody.
                self._stalled_since = None
                self._wakeup.set()

    def unwatch_where(self, wanted: Callable[[Broadcast], bool]) -> None:
        """Stop following some turns, ended ones among them."""
        for turn in [turn for turn in self._cursors if wanted(turn)]:
            self.unwatch(turn)

    def watches(self, turn: Broadcast) -> bool:
        """Whether the turn is followed."""
        return turn in self._cursors

    def is_following(self) -> bool:
        """Whether any turn is followed, or something waits to be delivered."""
        return bool(self._cursors or self._queue)

    def unwatch_all(self) -> None:
        """Stop following every turn: the client is gone."""
        self.unwatch_where(lambda _turn: True)

    def wake(self, turn: Broadcast) -> None:
        """A turn has something new. While the window is full, only an ack makes a difference."""
        self._dirty[turn] = None
        if self._stalled_since is None:
            self._wakeup.set()

    def ack(self, turn_id: object, seq: int) -> bool:
        """Chunks up to `seq` arrived. False: this client was never sent so much, and it counts for
        nothing. (An honest one may hold it from another process.)"""
        turn = next((turn for turn in self._cursors if turn.id == turn_id), None)
        if turn is None:
            return True
        cursor = self._cursors[turn]
        if seq > cursor.sent_seq:
            return False
        if not cursor.unacked or cursor.unacked[0][0] > seq:
            # Nothing new: it does not show that the client keeps up.
            return True
        while cursor.unacked and cursor.unacked[0][0] <= seq:
            self._unacked_bytes -= cursor.unacked.popleft()[1]
        self._stalled_since = None
        # Room in the window lets every waiting turn go on; an ended one may be forgotten.
        self._dirty[turn] = None
        self._wakeup.set()
        return True

    async def pump(self) -> None:
        """Deliver until cancelled. Raises Lagging when the client does not keep up."""
        while True:
            try:
                # Not `wait_for`, which may swallow a cancellation that comes with a wake-up.
                async with asyncio.timeout(self._patience_seconds()):
                    await self._wakeup.wait()
            except TimeoutError:
                if self._stalled_seconds() >= self._ack_timeout_seconds:
                    raise Lagging from None
                self._hold_less()
                continue
            self._wakeup.clear()
            if self._overflow:
                raise Lagging
            while self._queue:
                text = self._queue.popleft()
                self._queue_characters -= len(text)
                await self._send(text)
            dirty, self._dirty = self._dirty, {}
            for turn in dirty:
                await self._deliver(turn)

    def _stalled_seconds(self) -> float:
        if self._stalled_since is None:
            return 0.0
        return asyncio.get_running_loop().time() - self._stalled_since

    def _patience_seconds(self) -> float | None:
        """How long to wait for an ack before something is done about it."""
        if self._stalled_since is None:
            return None
        return min(HOLD_SECONDS, self._ack_timeout_seconds - self._stalled_seconds())

    def _hold_less(self) -> None:
        """Keep no ended turn in memory chunk by chunk for a client that reads none of them."""
        for turn, cursor in self._cursors.items():
            if turn.end_index is not None and cursor.placed:
                if cursor.next_index < len(turn.frames):
                    cursor.needs_snapshot = True
                turn.watchers.discard(self)
                turn.shrink()

    async def _deliver(self, turn: Broadcast) -> None:
        while turn.ready and (cursor := self._cursors.get(turn)):
            if not cursor.placed:
                _place(cursor, turn)
            if cursor.next_index >= len(turn.frames) and not cursor.needs_snapshot:
                break
            if self._unacked_bytes >= self._window_bytes:
                if self._stalled_since is None:
                    self._stalled_since = asyncio.get_running_loop().time()
                self._dirty[turn] = None
                return
            await self._send(self._next_text(turn, cursor))
        cursor = self._cursors.get(turn)
        if cursor and turn.state != "running":
            turn.watchers.discard(self)
            if not cursor.unacked:
                self.unwatch(turn)

    def _next_text(self, turn: Broadcast, cursor: _Cursor) -> str:
        """The next frame's text; a snapshot instead of more chunks than the window holds."""
        if not cursor.needs_snapshot:
            frame = turn.frames[cursor.next_index]
            behind_bytes = turn.size_bytes - frame.end_bytes
            if behind_bytes <= self._window_bytes:
                cursor.next_index += 1
                if frame.seq:
                    self._count(cursor, frame.seq, frame.size_bytes)
                return frame.text
        text = encode_event(turn.snapshot())
        cursor.needs_snapshot = False
        cursor.next_index = turn.tail_index
        self._count(cursor, turn.seq, len(text))
        return text

    def _count(self, cursor: _Cursor, seq: int, size_bytes: int) -> None:
        cursor.sent_seq = seq
        if not self._acks:
            return
        cursor.unacked.append((seq, size_bytes))
        self._unacked_bytes += size_bytes


def _place(cursor: _Cursor, turn: Broadcast) -> None:
    start = turn.index_after(cursor.after_seq)
    cursor.next_index, cursor.needs_snapshot, cursor.placed = start or 0, start is None, True
