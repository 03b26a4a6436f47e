"""The seam to the stored turns: how one ends, which of the running ones must stop, and the leases
of the processes that run them."""

import asyncio
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

import structlog
from django.db import Error as DatabaseError

from chat.crossing import cross
from chat.services.ending import Ended, TurnEnd, end_turn, stored_end
from chat.services.leases import BeatAnswer, BeatOf, beat, orphaned_turns, release
from chat.services.recovery import recover_turn

log = structlog.get_logger(__name__)

END_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses between tries to store an end while the database fails; the last one repeats."""


class TurnRecords(Protocol):
    """Where turns and leases are stored. All raise django.db.Error while the database fails."""

    async def end(self, end: TurnEnd) -> Ended | None:
        """Store an end, as `chat.services.ending.end_turn` does."""

    async def stored_end(self, turn_id: UUID) -> Ended | None:
        """How a turn ended, by whomever; None while it runs or where it is gone."""

    async def beat(self, beat: BeatOf) -> BeatAnswer:
        """Renew this process's lease, and learn which of its turns must stop or are not its own."""

    async def orphans(self, lease_seconds: float) -> Sequence[UUID]:
        """The running turns whose owner's lease is older than this, oldest first."""

    async def adopt(self, turn_id: UUID) -> Ended | None:
        """Take a turn over and end it as orphaned; None if somebody else did, or it had ended."""

    async def release(self, node: str) -> None:
        """Give up this process's lease: it runs nothing any more."""


class DatabaseTurnRecords:
    """The turns in the product's database."""

    async def end(self, end: TurnEnd) -> Ended | None:
        """Store an end."""
        return await cross(end_turn, end)

    async def stored_end(self, turn_id: UUID) -> Ended | None:
        """Read an end."""
        return await cross(stored_end, turn_id)

    async def beat(self, of: BeatOf) -> BeatAnswer:
        """Renew the lease."""
        return await cross(beat, of)

    async def orphans(self, lease_seconds: float) -> Sequence[UUID]:
        """Find turns without a living owner."""
        return await cross(orphaned_turns, lease_seconds)

    async def adopt(self, turn_id: UUID) -> Ended | None:
        """Take a turn over."""
        return await cross(recover_turn, turn_id)

    async def release(self, node: str) -> None:
        """Give up the lease."""
        await cross(release, node)


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
