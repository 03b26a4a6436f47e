"""Messages cut to what one of them may weigh."""

from collections.abc import Sequence
from typing import TypeVar

from msgspec.structs import replace

from chat.turns.bus.messages import EndedHere, Frames, Message, Piece, Unwatch, Watch, encode

Part = TypeVar("Part")


def fit(message: Message, limit_bytes: int) -> list[bytes]:
    """The message as bytes, in several messages where one would be too long. A chunk too long by
    itself goes without its text, which is in the journal; what is nowhere else is left out."""
    data = encode(message)
    if len(data) <= limit_bytes:
        return [data]
    return [part for smaller in _smaller(message) for part in fit(smaller, limit_bytes)]


def _smaller(message: Message) -> list[Message]:
    if isinstance(message, Frames):
        pieces = message.pieces
        if len(pieces) == 1:
            return [Frames(message.node, (_bare(pieces[0]),))] if _may_be_bare(pieces[0]) else []
        return [Frames(message.node, half) for half in _halves(pieces)]
    if isinstance(message, Watch) and len(message.turns) > 1:
        return [Watch(message.node, half) for half in _halves(message.turns)]
    if isinstance(message, Unwatch) and len(message.turns) > 1:
        return [Unwatch(message.node, half) for half in _halves(message.turns)]
    if isinstance(message, EndedHere) and message.done:
        return [replace(message, state="", done="")]
    return []


def _may_be_bare(piece: Piece) -> bool:
    """Only a chunk can be read elsewhere."""
    return bool(piece.seq and piece.text)


def _bare(piece: Piece) -> Piece:
    return replace(piece, text="")


def _halves(parts: Sequence[Part]) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    middle = len(parts) // 2
    return tuple(parts[:middle]), tuple(parts[middle:])
