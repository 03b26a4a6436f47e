"""The messages between processes, in MessagePack. `node` names who sends."""

from uuid import UUID

import msgspec
from msgspec import Struct


class Message(Struct, frozen=True, tag_field="type", array_like=True):
    """Any message between processes."""

    node: str


class Piece(Struct, frozen=True, array_like=True, gc=False):
    """One encoded frame of a turn, as clients get it. `seq` is 0 for one that is not a chunk; an
    empty `text` is a chunk too long for a message: it is in the journal."""

    turn: UUID
    epoch: int
    seq: int
    text: str


class Frames(Message, tag="frames", frozen=True):
    """From a turn's owner to one process that watches: what is new of all turns it watches."""

    pieces: tuple[Piece, ...]


class EndedHere(Message, tag="ended", frozen=True):
    """From an owner: the turn does not run here (any more). `state` and the encoded `done` where it
    ended here; both empty where only the database knows."""

    turn: UUID
    state: str = ""
    done: str = ""


class Watch(Message, tag="watch", frozen=True):
    """To an owner: send what follows chunk `after` of each of these turns. Said again while
    somebody watches, since an owner forgets who was silent."""

    turns: tuple[tuple[UUID, int], ...]


class Unwatch(Message, tag="unwatch", frozen=True):
    """To an owner: nobody here watches these turns any more."""

    turns: tuple[UUID, ...]


class Stop(Message, tag="stop", frozen=True):
    """To an owner: a person who may do so interrupts the turn."""

    turn: UUID
    by_id: int | None


class Began(Message, tag="began", frozen=True):
    """To all: a turn runs from now on at `node`."""

    turn: UUID
    conversation: UUID
    team: UUID
    epoch: int
    user_message: UUID | None
    assistant_message: UUID


class LookForWork(Message, tag="look", frozen=True):
    """To a runner: a stored turn waits for it in the database."""

    turn: UUID


AnyMessage = Frames | EndedHere | Watch | Unwatch | Stop | Began | LookForWork

_decoder = msgspec.msgpack.Decoder(AnyMessage)


def encode(message: Message) -> bytes:
    """The message as bytes."""
    return msgspec.msgpack.encode(message)


def decode(data: bytes) -> Message:
    """The message in `data`; raises msgspec.DecodeError for what is none (another version's)."""
    message: Message = _decoder.decode(data)
    return message
