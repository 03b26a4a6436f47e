"""Turns that run somewhere: where they are, and what is stored of them so far."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from chat.models import JournalChunk, Turn, TurnState
from chat.protocol import Chunk
from chat.services.ending import Ended, stored_end


@dataclass(frozen=True, slots=True)
class RunningTurn:
    """A turn that is stored as running, and the process that owns it."""

    turn_id: UUID
    conversation_id: UUID
    team_id: UUID
    user_message_id: UUID | None
    assistant_message_id: UUID
    epoch: int
    node: str


@dataclass(frozen=True, slots=True)
class TurnReading:
    """What is stored of one turn: chunks in order, or its end."""

    epoch: int
    node: str
    chunks: tuple[Chunk, ...]
    ended: Ended | None = None


def running_in(conversation_ids: Collection[UUID]) -> list[RunningTurn]:
    """The running turns of these conversations, oldest first."""
    found = Turn.objects.filter(conversation__in=conversation_ids, state=TurnState.RUNNING)
    return [
        RunningTurn(*row)
        for row in found.order_by("created_at").values_list(
            "id",
            "conversation_id",
            "team_id",
            "user_message_id",
            "assistant_message_id",
            "epoch",
            "node",
        )
    ]


def read_turns(after: Mapping[UUID, int]) -> dict[UUID, TurnReading]:
    """Of each turn what is journaled after that chunk, or how it ended."""
    turns = {turn.pk: turn for turn in Turn.objects.filter(pk__in=after)}
    # Read after the states: a turn that ends between the two shows no chunks, and its end the
    # next time.
    wanted = Q()
    for id, turn in turns.items():
        if turn.state == TurnState.RUNNING:
            wanted |= Q(turn_id=id, epoch=turn.epoch, seq__gt=after[id])
    chunks: dict[UUID, list[Chunk]] = {id: [] for id in turns}
    if wanted:
        for row in JournalChunk.objects.filter(wanted).order_by("turn_id", "seq"):
            chunk = Chunk(row.turn_id, row.epoch, row.seq, row.offset, row.content, row.reasoning)
            chunks[row.turn_id].append(chunk)
    return {
        id: TurnReading(
            turn.epoch,
            turn.node,
            tuple(chunks[id]),
            None if turn.state == TurnState.RUNNING else stored_end(id),
        )
        for id, turn in turns.items()
    }
