"""What clients of this process see of a running turn: its frames, its text so far, who watches."""

from collections.abc import Iterable
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from chat.protocol import Chunk, Event, Snapshot, encode_event
from chat.relay.extras import Extras, merged


class Frame(Struct, frozen=True, gc=False):
    """One encoded frame of a turn. `seq` is 0 for frames that are not chunks.

    `end_bytes` counts the bytes of all frames of the turn up to and with this one.
    """

    text: str
    seq: int
    size_bytes: int
    end_bytes: int


class Watcher(Protocol):
    """Reads a turn's frames at its own pace: a client's viewer, or the outlet to a process."""

    def wake(self, turn: "Broadcast") -> None:
        """The turn has something new. Called on the event loop; must not wait."""


def utf16_units(text: str) -> int:
    """Length as a browser counts it: characters beyond the basic plane count twice."""
    if text.isascii():
        return len(text)
    return len(text) + sum(char > "\uffff" for char in text)


class Broadcast:
    """The published part of one turn, whichever process runs it."""

    def __init__(
        self,
        *,
        id: UUID,
        conversation_id: UUID,
        team_id: UUID,
        epoch: int,
        user_message_id: UUID | None,
        assistant_message_id: UUID,
    ) -> None:
        self.id = id
        self.conversation_id = conversation_id
        self.team_id = team_id
        self.epoch = epoch
        self.user_message_id = user_message_id
        self.assistant_message_id = assistant_message_id
        self.state = "running"
        # False while what is stored of the turn is still on its way here.
        self.ready = True
        # Where the frames of the end begin, once there is one.
        self.end_index: int | None = None
        # The encoded `done` of a turn that ended in order; empty where only the database knows.
        self.done = ""
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._extras: list[Extras] = []
        self.seq = 0
        self.frames: list[Frame] = []
        # Where the frames after the newest chunk begin.
        self.tail_index = 0
        self.watchers: set[Watcher] = set()

    def show(self, chunk: Chunk, text: str | None = None) -> None:
        """Show a journaled chunk, the one after `seq`; `text` is its frame where that is known."""
        self.seq = chunk.seq
        self._content.append(chunk.content)
        if chunk.reasoning:
            self._reasoning.append(chunk.reasoning)
        if chunk.extras:
            self._extras.append(chunk.extras)
        self._append(encode_event(chunk) if text is None else text, chunk.seq)

    def tell(self, event: Event) -> None:
        """Show an event about this turn to everyone watching, in its place among the chunks."""
        self.tell_text(encode_event(event))

    def tell_text(self, text: str) -> None:
        """The same of an encoded event."""
        self._append(text, 0)

    def finish(self, state: str, texts: Iterable[str], done: str = "") -> None:
        """The turn ended in `state`: show the encoded events of its end, the last thing of it.

        `done` is the one among them that other processes may show too.
        """
        self.state = state
        self.ready = True
        self.done = done
        self.end_index = len(self.frames)
        for text in texts:
            self.tell_text(text)
        self.wake_all()

    def shrink(self) -> None:
        """Let go of the chunks of an ended turn that nobody reads one by one any more; its text
        stays for a snapshot."""
        if self.end_index is not None and not self.watchers:
            self.end_index -= self.tail_index
            del self.frames[: self.tail_index]
            self.tail_index = 0

    def wake_all(self) -> None:
        """Let everybody who watches look again."""
        for watcher in self.watchers:
            watcher.wake(self)

    def _append(self, text: str, seq: int) -> None:
        # ASCII is the usual case; the exact size only matters for the window of a slow client.
        size = len(text) if text.isascii() else len(text.encode())
        self.frames.append(Frame(text, seq, size, self.size_bytes + size))
        if seq:
            self.tail_index = len(self.frames)
        self.wake_all()

    @property
    def content(self) -> str:
        """All published content."""
        if len(self._content) > 1:
            self._content = ["".join(self._content)]
        return self._content[0] if self._content else ""

    @property
    def reasoning(self) -> str:
        """All published reasoning."""
        return "".join(self._reasoning)

    @property
    def extras(self) -> Extras | None:
        """All published extras together; None where there are none."""
        if len(self._extras) > 1:
            self._extras = [merged(self._extras)]
        return self._extras[0] if self._extras else None

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
            assistant_message=self.assistant_message_id,
            extras=self.extras,
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
