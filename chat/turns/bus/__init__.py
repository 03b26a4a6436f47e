"""The bus: what processes of one site tell each other about turns. Never the truth: whatever it
loses is read from the database."""

from chat.turns.bus.base import Bus, Receive
from chat.turns.bus.messages import (
    Began,
    EndedHere,
    Frames,
    LookForWork,
    Message,
    Piece,
    Stop,
    Unwatch,
    Watch,
    decode,
    encode,
)
from chat.turns.bus.none import NoBus

__all__ = [
    "Began",
    "Bus",
    "EndedHere",
    "Frames",
    "LookForWork",
    "Message",
    "NoBus",
    "Piece",
    "Receive",
    "Stop",
    "Unwatch",
    "Watch",
    "decode",
    "encode",
]
