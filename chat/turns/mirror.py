"""One turn of another process, put together from what the bus brings and what is journaled."""

import hashlib
from collections.abc import Iterable

import msgspec

from chat.protocol import Chunk, Done
from chat.queries.running import RunningTurn
from chat.turns.broadcast import Broadcast
from chat.turns.bus import Piece

MOST_EARLY = 256
"""Pieces kept that came before those which they follow; of more the journal tells."""
QUIET_SECONDS = 2.0
"""A turn of which the bus brought nothing for this long is looked up in the journal."""
GAP_PAUSE_SECONDS = 0.05
"""Least time between two readings of one turn."""

_chunks = msgspec.json.Decoder(Chunk)
_ends = msgspec.json.Decoder(Done)


class Mirror(Broadcast):
    """Shows each chunk once and in order, from whichever source it comes first.

    Times are the event loop's.
    """

    def __init__(self, turn: RunningTurn, *, begins: bool) -> None:
        """`begins`: nothing of the turn can have been shown yet, so nothing is read first."""
        super().__init__(
            id=turn.turn_id,
            conversation_id=turn.conversation_id,
            team_id=turn.team_id,
            epoch=turn.epoch,
            user_message_id=turn.user_message_id,
            assistant_message_id=turn.assistant_message_id,
        )
        self.turn = turn
        self.node = turn.node
        self.ready = begins
        # The journal is to be read as soon as it may.
        self.asked = not begins
        self.read_at = float("-inf")
        self.heard_at = float("-inf")
        self.watched_at = float("-inf")
        # The bus did not bring what the journal had.
        self.doubted = False
        # The owner is to begin again after the chunk that is held.
        self.starts_over = False
        self._early: dict[int, str] = {}
        # Events between the chunks that came early, each with the chunk it follows.
        self._early_events: list[tuple[int, str]] = []
        self._newest_heard_seq = 0

    @property
    def has_gap(self) -> bool:
        """Whether something came that does not join what is held."""
        return bool(self._early)

    def is_due(self, now: float, poll_seconds: float, *, bus_alive: bool) -> bool:
        """Whether the journal is to be read now; each `poll_seconds` without a bus to rely on."""
        if self.asked:
            return now - self.read_at >= GAP_PAUSE_SECONDS
        if self.doubted or not bus_alive:
            return now - self.read_at >= poll_seconds
        return now - max(self.read_at, self.heard_at) >= QUIET_SECONDS

    def take(self, piece: Piece, now: float) -> None:
        """Take a piece from the bus, whenever and however often it comes."""
        self.heard_at = now
        if piece.epoch != self.epoch:
            self.asked = self.asked or piece.epoch > self.epoch
            return
        if not piece.seq:
            self._take_event(piece.text)
            return
        self._newest_heard_seq = max(self._newest_heard_seq, piece.seq)
        if piece.seq <= self.seq:
            return
        if self.ready and piece.seq == self.seq + 1 and piece.text:
            self.doubted = False
            self._show(piece.text)
            self._join()
        elif len(self._early) < MOST_EARLY:
            self._early[piece.seq] = piece.text
        self.asked = self.asked or self.has_gap

    def read(self, chunks: Iterable[Chunk]) -> bool:
        """Take what is journaled; returns whether something was new."""
        before = self.seq
        for chunk in chunks:
            if chunk.seq == self.seq + 1:
                self.show(chunk)
        new = self.seq > before
        self._join()
        if not self.ready:
            self.ready = True
            self.wake_all()
        return new

    def holds_all_of(self, done: str) -> bool:
        """Whether the text that is held is that of an encoded `done`."""
        if not self.ready or self.has_gap:
            return False
        return hashlib.sha256(self.content.encode()).hexdigest() == _ends.decode(done).sha256

    def _take_event(self, text: str) -> None:
        if not text:
            return
        if not self.ready or self._newest_heard_seq > self.seq:
            self._early_events = [*self._early_events[-7:], (self._newest_heard_seq, text)]
        elif not self.frames or self.frames[-1].text != text:
            self.tell_text(text)

    def _join(self) -> None:
        """Show what came early and follows now; forget what is late."""
        while text := self._early.get(self.seq + 1):
            self._show(text)
        self._early = {seq: text for seq, text in self._early.items() if seq > self.seq}
        events, self._early_events = self._early_events, []
        for seq, text in events:
            if seq > self.seq:
                self._early_events.append((seq, text))
            elif seq == self.seq or not seq:
                self.tell_text(text)

    def _show(self, text: str) -> None:
        self.show(_chunks.decode(text), text)
