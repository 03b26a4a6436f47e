"""A client by the protocol's rules: it keeps what it was told, and notes what cannot be right."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from chat.protocol import (
    Accepted,
    Attach,
    Attached,
    Chunk,
    Command,
    ConversationChanged,
    Done,
    Event,
    Snapshot,
)
from chat.turns.broadcast import utf16_units


@dataclass(slots=True)
class Held:
    """What a client holds of one turn."""

    turn: UUID
    epoch: int = 0
    seq: int = 0
    content: str = ""
    reasoning: str = ""
    state: str = "running"
    sha256: str = ""
    # Chunk that the present connection sends next; None before it said where it begins.
    next_seq: int | None = None
    # Ends told on the present connection, and how often it was asked for one.
    ends_told: int = 0
    ends_asked: int = 0
    # All states of `done` that were ever told.
    states: list[str] = field(default_factory=list)

    @property
    def live(self) -> bool:
        """Whether more may come."""
        return not self.sha256


class Book:
    """The turns of one tab. `complain` is called with what no correct server does."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        self.turns: dict[UUID, Held] = {}
        self._complain = complain

    def hold(self, turn: UUID) -> Held:
        """What is held of a turn, from now on."""
        return self.turns.setdefault(turn, Held(turn))

    def begin_connection(self) -> None:
        """Nothing was told on the new connection yet."""
        for held in self.turns.values():
            held.next_seq, held.ends_told, held.ends_asked = None, 0, 0

    def begin_again(self) -> None:
        """The server heard what is held: what follows begins there, or before it."""
        for held in self.turns.values():
            held.next_seq = None

    def attach(self, conversation: UUID, turn: UUID | None = None) -> Attach:
        """Ask for what is missing; of `turn`, or of one that is live."""
        live = [held for held in self.turns.values() if held.live]
        named = self.turns[turn] if turn else next(iter(live), None)
        if named is None:
            return Attach(conversation)
        named.ends_asked += 1
        if not named.epoch:
            return Attach(conversation, named.turn)
        return Attach(conversation, named.turn, named.epoch, named.seq)

    def missed(self, running: tuple[UUID, ...]) -> list[UUID]:
        """Live turns that the server does not run any more: their end was missed."""
        return [id for id, held in self.turns.items() if held.live and id not in running]

    def take_chunk(self, chunk: Chunk) -> bool:
        """A chunk; false asks to attach again."""
        held = self.hold(chunk.turn)
        self._in_order(held, chunk)
        if chunk.epoch < held.epoch or not held.live:
            return True
        if chunk.epoch == held.epoch and chunk.seq <= held.seq:
            here = held.content.encode("utf-16-le", "surrogatepass")[2 * chunk.offset :]
            if not here.startswith(chunk.content.encode("utf-16-le", "surrogatepass")):
                self._complain(f"chunk {chunk.seq} is not what came before")
            return True
        if chunk.seq != held.seq + 1 or chunk.offset != utf16_units(held.content):
            return False
        held.epoch, held.seq = chunk.epoch, chunk.seq
        held.content += chunk.content
        held.reasoning += chunk.reasoning
        return True

    def _in_order(self, held: Held, chunk: Chunk) -> None:
        if held.ends_told:
            self._complain(f"chunk {chunk.seq} after the end")
        # The first chunk after attaching follows what the client said it holds, or nothing.
        if held.next_seq is None and chunk.seq > held.seq + 1:
            self._complain(f"chunk {chunk.seq} follows {held.seq}")
        if held.next_seq is not None and chunk.seq != held.next_seq:
            self._complain(f"chunk {chunk.seq} in place of {held.next_seq}")
        held.next_seq = chunk.seq + 1

    def take_snapshot(self, snapshot: Snapshot) -> None:
        """All of a turn."""
        held = self.hold(snapshot.turn)
        held.next_seq = snapshot.seq + 1
        ended = snapshot.state != "running"
        if snapshot.epoch < held.epoch:
            return
        if not ended and (not held.live or (snapshot.epoch, snapshot.seq) < (held.epoch, held.seq)):
            return
        held.epoch, held.seq = snapshot.epoch, snapshot.seq
        held.content, held.reasoning = snapshot.content, snapshot.reasoning

    def take_done(self, done: Done) -> None:
        """The end of a turn."""
        held = self.hold(done.turn)
        held.ends_told += 1
        if held.ends_told > 1 + held.ends_asked:
            self._complain("the end was told twice")
        held.states.append(done.state)
        held.state, held.sha256 = done.state, done.sha256
        if hashlib.sha256(held.content.encode()).hexdigest() != done.sha256:
            self._complain(f"the text held ({len(held.content)}) is not the one that ended")


class _AnyEvent(msgspec.Struct, tag_field="type"):
    """For the tag alone."""


KNOWN: dict[str, type[Event]] = {
    "chunk": Chunk,
    "snapshot": Snapshot,
    "done": Done,
    "attached": Attached,
    "accepted": Accepted,
    "conversation": ConversationChanged,
}
_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in KNOWN.items()}


class _Tag(msgspec.Struct):
    type: str
    id: UUID | None = None
    turn: UUID | None = None
    code: str = ""


_tags = msgspec.json.Decoder(_Tag)


def read(text: str) -> tuple[str, Event | _Tag]:
    """A frame's type and its event."""
    tag = _tags.decode(text)
    decoder = _DECODERS.get(tag.type)
    return tag.type, tag if decoder is None else decoder.decode(text)


Send = Callable[[Command], None]
