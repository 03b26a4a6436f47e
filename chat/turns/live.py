"""A turn that runs in this process: its text on the way from the relay to who watches."""

import asyncio
from collections import deque

from chat.protocol import Chunk
from chat.relay.extras import Extras, merged, size_of
from chat.services.intents import Admitted
from chat.turns.broadcast import Broadcast, utf16_units


class LiveTurn(Broadcast):
    """The text of one running turn, cut into numbered chunks.

    What the relay sends is first gathered (`gather`), then cut into a chunk (`cut`), which is
    journaled, and only then published to the watchers (`publish`).
    """

    def __init__(self, admitted: Admitted) -> None:
        super().__init__(
            id=admitted.turn_id,
            conversation_id=admitted.conversation_id,
            team_id=admitted.team_id,
            epoch=admitted.epoch,
            user_message_id=admitted.user_message_id,
            assistant_message_id=admitted.assistant_message_id,
        )
        self.admitted = admitted
        # Gathered and not yet cut.
        self._gathered_content: list[str] = []
        self._gathered_reasoning: list[str] = []
        self._gathered_extras: list[Extras] = []
        self.gathered_bytes = 0
        # Loop time of the newest cut.
        self.cut_at = 0.0
        # Cut; some of it may still be on its way through the journal.
        self._cut_seq = 0
        self._cut_offset = 0
        self._hidden: deque[Chunk] = deque()
        self.published_all = asyncio.Event()
        self.published_all.set()
        # Another process owns the turn: nothing of it is published here any more.
        self.lost = False

    def gather(self, content: str, reasoning: str = "", extras: Extras | None = None) -> None:
        """Take text from the relay; it is cut into a chunk at the next flush."""
        if self.lost:
            return
        if content:
            self._gathered_content.append(content)
        if reasoning:
            self._gathered_reasoning.append(reasoning)
        if extras:
            self._gathered_extras.append(extras)
        # Characters, as a cheap lower bound of the bytes.
        self.gathered_bytes += len(content) + len(reasoning) + size_of(extras)
        self.published_all.clear()

    def cut(self) -> Chunk | None:
        """Number what was gathered as one chunk; None if nothing was."""
        if not self.gathered_bytes:
            return None
        content, reasoning = "".join(self._gathered_content), "".join(self._gathered_reasoning)
        self._gathered_content.clear()
        self._gathered_reasoning.clear()
        extras = merged(self._gathered_extras) if self._gathered_extras else None
        self._gathered_extras.clear()
        self.gathered_bytes = 0
        self._cut_seq += 1
        chunk = Chunk(
            self.id, self.epoch, self._cut_seq, self._cut_offset, content, reasoning, extras
        )
        self._cut_offset += utf16_units(content)
        self._hidden.append(chunk)
        return chunk

    def held_back(self) -> tuple[Chunk, ...]:
        """What came and was not shown. Nothing of it is shown afterwards."""
        self.cut()
        return tuple(self._hidden)

    def lose(self) -> None:
        """Another process owns the turn: whoever waits for its text waits no more."""
        self.lost = True
        self.gathered_bytes = 0
        self._hidden.clear()
        self.published_all.set()

    def publish(self, chunk: Chunk) -> None:
        """Show a journaled chunk. Chunks come in the order in which they were cut."""
        self._hidden.popleft()
        self.show(chunk)
        if chunk.seq == self._cut_seq and not self.gathered_bytes:
            self.published_all.set()
