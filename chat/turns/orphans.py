"""Turns without a living owner: taken over and settled, here or by another process, once."""

from collections.abc import Callable, Collection
from uuid import UUID
from zlib import crc32

import structlog

from chat.services.ending import Ended
from chat.turns import metrics
from chat.turns.bus import Bus, EndedHere
from chat.turns.hub import Hub
from chat.turns.records import TurnRecords
from chat.turns.settling import Settler

log = structlog.get_logger(__name__)

AT_A_BEAT = 100
"""Turns that are taken over at one beat; several processes share the rest."""


class Orphans:
    """Settles what others left behind. Several processes may do so at once: the epoch decides who
    takes a turn."""

    def __init__(
        self, records: TurnRecords, bus: Bus, settler: Settler, hub: Hub, node: str
    ) -> None:
        self._records = records
        self._bus = bus
        self._settler = settler
        self._hub = hub
        self._node = node
        # Tells what here shows turns of other processes: nobody hears his own words on the bus.
        self.tell_here: Callable[[EndedHere], None] = lambda _ended: None

    async def adopt_some(self, lease_seconds: float, also: Collection[UUID] = ()) -> int:
        """Settle a bounded number of the turns whose process has not beaten for `lease_seconds`,
        and of those in `also`; gives how many. Raises django.db.Error."""
        # First what is kept whole: it is better than what the journal has.
        await self._settler.settle_kept()
        orphans = [*also, *await self._records.orphans(lease_seconds)]
        # Each process begins elsewhere, so that they share the work.
        begin = crc32(self._node.encode()) % len(orphans) if orphans else 0
        adopted = 0
        for turn_id in (orphans[begin:] + orphans[:begin])[:AT_A_BEAT]:
            try:
                ended = await self._records.adopt(turn_id)
            except Exception:
                # One turn that cannot be settled must not keep the others from it.
                log.exception("turn_not_recovered", turn=str(turn_id))
                continue
            if ended is not None:
                adopted += ended.by_this_call
                await self._tell(ended, stray=turn_id in also)
        return adopted

    async def _tell(self, ended: Ended, *, stray: bool) -> None:
        if ended.by_this_call:
            log.info("turn_recovered", turn=str(ended.turn_id))
            metrics.TURNS_RECOVERED.inc()
        if stray:
            # It is this process's own, so perhaps nobody mirrors it here.
            self._hub.say_end(ended)
        told = EndedHere(self._node, ended.turn_id)
        self.tell_here(told)
        await self._bus.tell_all(told)


class Strays:
    """Turns that are stored as running here, though they do not run here.

    While a turn is being admitted this is in order. Where it stays so the commit's answer got lost,
    or a fault kept the turn's end from being stored: nobody else may ever settle it, since this
    process lives.
    """

    def __init__(self, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        # Each with the loop time since when it is one.
        self._since: dict[UUID, float] = {}

    def note(self, found: Collection[UUID], now: float) -> list[UUID]:
        """Take what a beat found; gives those that are to be settled now."""
        self._since = {id: self._since.get(id, now) for id in sorted(found)}
        return [id for id, at in self._since.items() if now - at >= self._patience_seconds]
