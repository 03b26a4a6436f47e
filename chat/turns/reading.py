"""The seam to what is stored of turns that run in other processes."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from chat.crossing import cross
from chat.queries.running import RunningTurn, TurnReading, lately_in, read_turns


class TurnReader(Protocol):
    """Reads turns, whoever runs them. All raise django.db.Error while the database fails."""

    async def running_in(self, conversation_ids: Collection[UUID]) -> Sequence[RunningTurn]:
        """The running turns of these conversations, oldest first, and those that ended within the
        last seconds: a short one may begin and end between two looks."""

    async def read(self, after: Mapping[UUID, int]) -> Mapping[UUID, TurnReading]:
        """Of each of these turns what is journaled after that chunk, or how it ended. A turn that
        is not stored any more is left out."""


class DatabaseTurnReader:
    """The turns in the product's database."""

    async def running_in(self, conversation_ids: Collection[UUID]) -> Sequence[RunningTurn]:
        """Find the running turns and those that ended lately."""
        return await cross(lately_in, conversation_ids)

    async def read(self, after: Mapping[UUID, int]) -> Mapping[UUID, TurnReading]:
        """Read their journals or their ends."""
        return await cross(read_turns, after)
