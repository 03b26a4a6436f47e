"""Turns that run somewhere: where they are, and what is stored of them so far."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import msgspec
from django.db.models import Q
from django.db.models.functions import Now

from accounts.policy import Principal
from chat.models import JournalChunk, Turn, TurnState
from chat.protocol import Chunk
from chat.queries.conversations import conversation_for
from chat.services.ending import Ended, stored_end

LATELY = timedelta(seconds=10)
"""How long ago a turn may have ended for whoever looks now and then to learn of it still."""


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

    @property
    def is_taken_over(self) -> bool:
        """Whether somebody took it from the process that it still names."""
        return self.epoch > 1


@dataclass(frozen=True, slots=True)
class TurnReading:
    """What is stored of one turn: chunks in order, or its end."""

    epoch: int
    node: str
    chunks: tuple[Chunk, ...]
    ended: Ended | None = None


@dataclass(frozen=True, slots=True)
class Watchable:
    """A conversation that a person may watch, and the turns that run in it."""

    team_id: UUID
    running: tuple[RunningTurn, ...]


def watchable(principal: Principal, conversation_id: UUID) -> Watchable:
    """What there is to watch in a conversation. Raises NotVisible or Forbidden."""
    found = conversation_for(principal, conversation_id)
    return Watchable(found.team_id, tuple(running_in([conversation_id])))


def running_in(conversation_ids: Collection[UUID]) -> list[RunningTurn]:
    """The running turns of these conversations, oldest first."""
    return _found(conversation_ids, Q(state=TurnState.RUNNING))


def lately_in(conversation_ids: Collection[UUID]) -> list[RunningTurn]:
    """The same, and the turns that ended within the last seconds: one that is short may begin and
    end between two looks."""
    ended_lately = Q(ended_at__gt=Now() - LATELY)
    return _found(conversation_ids, Q(state=TurnState.RUNNING) | ended_lately)


def _found(conversation_ids: Collection[UUID], which: Q) -> list[RunningTurn]:
    found = Turn.objects.filter(which, conversation__in=conversation_ids)
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
            chunk = Chunk(
                row.turn_id,
                row.epoch,
                row.seq,
                row.offset,
                row.content,
                row.reasoning,
                msgspec.json.decode(row.extras) if row.extras else None,
            )
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
