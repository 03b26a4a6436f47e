"""The seam to the stored turns: how one ends, which of the running ones must stop, and the leases
of the processes that run them."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from chat.crossing import cross, cross_in_time
from chat.services.ending import Ended, TurnEnd, end_turn, stored_end
from chat.services.leases import BeatAnswer, BeatOf, beat, orphaned_turns, release
from chat.services.recovery import complete_text, recover_turn


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

    async def complete(self, end: TurnEnd) -> bool:
        """Give a turn that somebody took over the rest of its text, if this end has it."""

    async def release(self, node: str) -> None:
        """Give up this process's lease: it runs nothing any more."""


class DatabaseTurnRecords:
    """The turns in the product's database."""

    def __init__(self) -> None:
        # The process whose leases this is about, once it has beaten.
        self._node = ""

    async def end(self, end: TurnEnd) -> Ended | None:
        """Store an end."""
        return await cross(end_turn, end)

    async def stored_end(self, turn_id: UUID) -> Ended | None:
        """Read an end."""
        return await cross(stored_end, turn_id)

    async def beat(self, of: BeatOf) -> BeatAnswer:
        """Renew the lease."""
        self._node = of.node
        return await cross_in_time(beat, of)

    async def orphans(self, lease_seconds: float) -> Sequence[UUID]:
        """Find turns without a living owner."""
        return await cross(orphaned_turns, lease_seconds, by=self._node)

    async def adopt(self, turn_id: UUID) -> Ended | None:
        """Take a turn over."""
        return await cross(recover_turn, turn_id)

    async def complete(self, end: TurnEnd) -> bool:
        """Complete a text."""
        return await cross(complete_text, end)

    async def release(self, node: str) -> None:
        """Give up the lease."""
        await cross(release, node)
