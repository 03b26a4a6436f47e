"""Storing how turns ended, however long the database takes: in it, or meanwhile in the spool."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import structlog
from django.db import Error as DatabaseError

from accounts.policy import NotVisible
from chat.services.ending import Ended, TurnEnd
from chat.turns.records import TurnRecords
from chat.turns.spool import Spool

log = structlog.get_logger(__name__)

END_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses between tries to store an end while the database fails; the last one repeats."""
KEEP_AFTER_SECONDS = 3.0
"""An end that could not be stored for so long is kept in the spool."""
ELSEWHERE_SECONDS = 30.0
"""So long the end of a turn that another process took over is waited for."""


class Settler:
    """Stores the ends of this process's turns, and those that an earlier one left in the spool."""

    def __init__(
        self,
        records: TurnRecords,
        spool: Spool | None = None,
        *,
        keep_after_seconds: float = KEEP_AFTER_SECONDS,
        elsewhere_seconds: float = ELSEWHERE_SECONDS,
    ) -> None:
        self._records = records
        self._spool = spool
        self._keep_after_seconds = keep_after_seconds
        self._elsewhere_seconds = elsewhere_seconds
        # Turns whose ends this process still tries to store.
        self._storing: set[UUID] = set()

    async def store(self, end: TurnEnd, on_kept: Callable[[], None]) -> Ended | None:
        """Store an end however long the database takes to come back: no turn is left unsettled.

        `on_kept` is called once when it takes so long that the spool keeps the end meanwhile. None:
        another process owns the turn, and it still runs. When cancelled the end is kept.
        """
        storing = asyncio.ensure_future(self._until_stored(end))
        self._storing.add(end.turn_id)
        kept = told = False
        try:
            while True:
                await asyncio.wait({storing}, timeout=self._keep_after_seconds)
                if storing.done():
                    ended = storing.result()
                    break
                if not told:
                    told = True
                    on_kept()
                kept = kept or await asyncio.to_thread(self.keep, end)
        except asyncio.CancelledError:
            storing.cancel()
            if not kept:
                self.keep(end)
            raise
        finally:
            self._storing.discard(end.turn_id)
        if not kept:
            return ended
        return await self._settled_late(end, ended)

    async def _until_stored(self, end: TurnEnd) -> Ended | None:
        attempt = 0
        while True:
            try:
                return await self._records.end(end)
            except DatabaseError as error:
                pause_seconds = END_RETRY_SECONDS[min(attempt, len(END_RETRY_SECONDS) - 1)]
                log.warning("turn_end_not_stored", turn=str(end.turn_id), error=str(error))
                attempt += 1
                await asyncio.sleep(pause_seconds)

    def keep(self, end: TurnEnd) -> bool:
        """Keep an end in the spool; returns whether it is there."""
        if self._spool is None:
            return False
        try:
            self._spool.keep(end)
        except OSError as error:
            # Nothing is left but this memory: somebody must look before the process ends.
            log.error("turn_end_not_kept", turn=str(end.turn_id), error=str(error))
            return False
        log.warning("turn_end_kept", turn=str(end.turn_id))
        return True

    async def _settled_late(self, end: TurnEnd, ended: Ended | None) -> Ended | None:
        """After a long time somebody else may have settled the turn with less text."""
        if ended is None or not ended.by_this_call:
            return await self.taken_over(end)
        await self._forget(end.turn_id)
        return ended

    async def taken_over(self, end: TurnEnd) -> Ended | None:
        """How a turn ended that another process took over; waits for its end a while. What was
        shown here beyond the text that the other one found, while the database was away, is added
        to it. None if the end is not known, or the turn is gone."""
        ended = await self._end_elsewhere(end.turn_id)
        if ended is None:
            # What is in the spool stays there, and is looked at again.
            return None
        try:
            if _has_more(end, ended) and await self._records.complete(end):
                ended = await self._records.stored_end(end.turn_id) or ended
        except DatabaseError as error:
            log.warning("text_not_completed", turn=str(end.turn_id), error=str(error))
            await asyncio.to_thread(self.keep, end)
        else:
            await self._forget(end.turn_id)
        return ended

    async def _forget(self, turn_id: UUID) -> None:
        if self._spool is not None:
            with suppress(OSError):
                await asyncio.to_thread(self._spool.remove, turn_id)

    async def _end_elsewhere(self, turn_id: UUID) -> Ended | None:
        deadline = asyncio.get_running_loop().time() + self._elsewhere_seconds
        pauses = iter(END_RETRY_SECONDS)
        while True:
            try:
                ended = await self._records.stored_end(turn_id)
            except NotVisible:
                return None
            except DatabaseError as error:
                log.warning("end_elsewhere_not_read", turn=str(turn_id), error=str(error))
                ended = None
            if ended is not None or asyncio.get_running_loop().time() >= deadline:
                return ended
            await asyncio.sleep(next(pauses, END_RETRY_SECONDS[-1]))

    async def settle_kept(self) -> int:
        """Store what an earlier process, or another of this machine, left in the spool; gives the
        number of ends stored. What the database still refuses stays there."""
        if self._spool is None:
            return 0
        stored = 0
        for end in await asyncio.to_thread(lambda spool: list(spool.ends()), self._spool):
            if end.turn_id not in self._storing and await self._settle_one(end):
                stored += 1
        return stored

    async def _settle_one(self, end: TurnEnd) -> bool:
        try:
            ended = await self._records.end(end)
            if ended is None:
                return False
            if not ended.by_this_call:
                await self._records.complete(end)
        except NotVisible:
            log.warning("kept_end_of_no_turn", turn=str(end.turn_id))
        except DatabaseError as error:
            log.warning("kept_end_not_stored", turn=str(end.turn_id), error=str(error))
            return False
        except Exception:
            # A fault of ours must not keep the site from starting; the file stays.
            log.exception("kept_end_not_stored", turn=str(end.turn_id))
            return False
        log.info("kept_end_stored", turn=str(end.turn_id))
        await self._forget(end.turn_id)
        return True


def _has_more(end: TurnEnd, ended: Ended) -> bool:
    return len(end.content) > len(ended.content) or len(end.reasoning) > len(ended.reasoning)
