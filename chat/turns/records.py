"""The seam to the stored turns: how one ends, and which of the running ones must stop."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

import structlog
from django.db import Error as DatabaseError

from chat.crossing import cross
from chat.services.ending import Ended, TurnEnd, end_turn
from chat.services.interruption import turns_to_stop

log = structlog.get_logger(__name__)

END_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses between tries to store an end while the database fails; the last one repeats."""


class TurnRecords(Protocol):
    """Where turns are stored."""

    async def end(self, end: TurnEnd) -> Ended | None:
        """Store an end, as `chat.services.ending.end_turn` does; raises django.db.Error."""

    async def to_stop(self, turn_ids: Sequence[UUID]) -> Mapping[UUID, int | None]:
        """Of these turns those that must stop, and the id of the person who wants it, if one."""


class DatabaseTurnRecords:
    """The turns in the product's database."""

    async def end(self, end: TurnEnd) -> Ended | None:
        """Store an end."""
        return await cross(end_turn, end)

    async def to_stop(self, turn_ids: Sequence[UUID]) -> Mapping[UUID, int | None]:
        """Ask which of these turns must stop."""
        return await cross(turns_to_stop, turn_ids)


async def store_end(records: TurnRecords, end: TurnEnd) -> Ended | None:
    """Store an end however long the database takes to come back: no turn is left unsettled."""
    attempt = 0
    while True:
        try:
            return await records.end(end)
        except DatabaseError as error:
            pause_seconds = END_RETRY_SECONDS[min(attempt, len(END_RETRY_SECONDS) - 1)]
            log.warning("turn_end_not_stored", turn=str(end.turn_id), error=str(error))
            attempt += 1
            await asyncio.sleep(pause_seconds)
