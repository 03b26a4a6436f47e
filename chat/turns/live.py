"""A running turn in this process: its text so far, its frames, and who watches."""

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

from msgspec import Struct

from chat.protocol import Chunk, Event, Snapshot, encode_event
from chat.services.intents import Admitted

if TYPE_CHECKING:
    from chat.turns.viewer import Viewer


class Frame(Struct, frozen=True, gc=False):
    """One encoded frame of a turn. `seq` is 0 for frames that are not chunks.

    `end_bytes` counts the bytes of all frames of the turn up to and with this one.
    """

    text: str
    seq: int
    size_bytes: int
    end_bytes: int


def utf16_units(text: str) -> int:
    """Length as a browser counts it: characters beyond the basic plane count twice."""
    if text.isascii():
        return len(text)
    return len(text) + sum(char > "\uffff" for char in text)


class LiveTurn:
    """The text of one running turn, cut into numbered chunks.

    What the relay sends is first gathered (`gather`), then cut into a chunk (`cut`), which is
    journaled, and only then published to the viewers (`publish`).
    """

    def __init__(self, admitted: Admitted) -> None:
        self.admitted = admitted
        self.id: UUID = admitted.turn_id
        self.conversation_id: UUID = admitted.conversation_id
        self.team_id: UUID = admitted.team_id
        self.epoch: int = admitted.epoch
        self.state = "running"
        # Gathered and not yet cut.
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self.gathered_bytes = 0
        # Loop time of the newest cut.
        self.cut_at = 0.0
        # Cut; some of it may still be on its way through the journal.
        self._cut_seq = 0
        self._cut_offset = 0
        # Published: what viewers may see.
        self._published_content: list[str] = []
        self._published_reasoning: list[str] = []
        self.seq = 0
        self.frames: list[Frame] = []
        # Where the frames after the newest chunk begin.
        self.tail_index = 0
        self.viewers: set[Viewer] = set()
        self.published_all = asyncio.Event()
        self.published_all.set()

    def gather(self, content: str, reasoning: str = "") -> None:
        """Take text from the relay; it is cut into a chunk at the next flush."""
        if content:
            self._content.append(content)
        if reasoning:
            self._reasoning.append(reasoning)
        # Characters, as a cheap lower bound of the bytes.
        self.gathered_bytes += len(content) + len(reasoning)
        self.published_all.clear()

    def cut(self) -> Chunk | None:
        """Number what was gathered as one chunk; None if nothing was."""
        if not self.gathered_bytes:
            return None
        content, reasoning = "".join(self._content), "".join(self._reasoning)
        self._content.clear()
        self._reasoning.clear()
        self.gathered_bytes = 0
        self._cut_seq += 1
        chunk = Chunk(self.id, self.epoch, self._cut_seq, self._cut_offset, content, reasoning)
        self._cut_offset += utf16_units(content)
        return chunk

    def publish(self, chunk: Chunk) -> None:
        """Show a journaled chunk. Chunks come in the order in which they were cut."""
        self.seq = chunk.seq
        self._published_content.append(chunk.content)
        if chunk.reasoning:
            self._published_reasoning.append(chunk.reasoning)
        self._append(encode_event(chunk), chunk.seq)
        if chunk.seq == self._cut_seq and not self.gathered_bytes:
            self.published_all.set()

    def tell(self, event: Event) -> None:
        """Show an event about this turn to everyone watching, in its place among the chunks."""
        self._append(encode_event(event), 0)

    def _append(self, text: str, seq: int) -> None:
        # ASCII is the usual case; the exact size only matters for the window of a slow client.
        size = len(text) if text.isascii() else len(text.encode())
        self.frames.append(Frame(text, seq, size, self.size_bytes + size))
        if seq:
            self.tail_index = len(self.frames)
        for viewer in self.viewers:
            viewer.wake(self)

    @property
    def content(self) -> str:
        """All published content."""
        if len(self._published_content) > 1:
            self._published_content = ["".join(self._published_content)]
        return self._published_content[0] if self._published_content else ""

    @property
    def reasoning(self) -> str:
        """All published reasoning."""
        return "".join(self._published_reasoning)

    def snapshot(self) -> Snapshot:
        """The published state as one event."""
        return Snapshot(
            turn=self.id,
            epoch=self.epoch,
            seq=self.seq,
            content=self.content,
            state="running",
            reasoning=self.reasoning,
            conversation=self.conversation_id,
            assistant_message=self.admitted.assistant_message_id,
        )

    @property
    def size_bytes(self) -> int:
        """Bytes of all frames so far."""
        return self.frames[-1].end_bytes if self.frames else 0

    def index_after(self, seq: int | None) -> int | None:
        """Index of the frame that follows chunk `seq`; None if there is no such chunk here."""
        if seq is None or seq > self.seq:
            return None
        if seq == 0:
            return 0
        # A turn has about as many frames as chunks: start near, then look around.
        at = min(seq, len(self.frames)) - 1
        while at < len(self.frames) and self.frames[at].seq != seq:
            at += 1
        return at + 1
