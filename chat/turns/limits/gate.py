"""The gate before one relay key: a line in this process, counts that several may share."""

import asyncio
import math
from collections.abc import AsyncGenerator, Coroutine
from typing import Any
from uuid import UUID

import structlog

from chat.relay.errors import RelayRateLimited
from chat.relay.gates import Claim
from chat.relay.types import WaitingNotice
from chat.turns.limits.line import Line
from chat.turns.limits.meter import MAX_HOLD_OFF_SECONDS, Answer, KeyLimits, Lease, Meter
from chat.turns.limits.waiter import Waiter

log = structlog.get_logger(__name__)

QUEUE_SECONDS = 60.0
QUEUE_LENGTH = 200
COME_AGAIN_SECONDS = 10.0
"""What a turn is told that gives up its wait when nobody knows how long it would have been."""


class LimitedGate:
    """A `chat.relay.gates.Gate`. Belongs to one event loop.

    The head of the line asks the meter; the others wait for it, and there is no task beside
    theirs. A turn that is cancelled while the meter is asked does not wait for the reply: a place
    that it would have been given goes back as soon as the reply is there.
    """

    def __init__(
        self,
        meter: Meter,
        limits: KeyLimits,
        *,
        queue_seconds: float = QUEUE_SECONDS,
        queue_length: int = QUEUE_LENGTH,
    ) -> None:
        """`queue_length` turns may wait, each for up to `queue_seconds`."""
        self.limits = limits
        self._meter = meter
        self._queue_seconds = queue_seconds
        self._queue_length = queue_length
        self._line: Line[Waiter] = Line()
        self._through: dict[UUID, Lease] = {}
        self._held_until = -math.inf
        # Raised whenever something was given back, or the limits changed.
        self._changes = 0
        self._chores: set[asyncio.Task[None]] = set()

    async def enter(self, claim: Claim) -> AsyncGenerator[WaitingNotice, None]:
        """Wait for the turn's place; see `Gate.enter`."""
        waiter = self._join(claim)
        served = False
        try:
            while True:
                waiter.woken.clear()
                if await self._is_granted(waiter):
                    # Nothing is awaited from here to the caller: nobody can cancel in between.
                    served = True
                    self._through[claim.turn_id] = waiter.lease
                    return
                now = _now()
                if waiter.is_hopeless(now):
                    raise _refusal("The limits of the relay's key let it through too late.", waiter)
                if notice := waiter.news(self._line.position(waiter), now):
                    yield notice
                await waiter.pause(_now())
        finally:
            self._depart(waiter, served=served)

    async def leave(self, claim: Claim, *, tokens: int | None) -> None:
        """Give the place back, without waiting until it is counted as free."""
        lease = self._through.pop(claim.turn_id, None)
        if lease is not None:
            self._later(self._meter.give_back(lease, tokens, self.limits))

    async def hold_off(self, seconds: float) -> None:
        """Let nobody through for so long, five minutes at most: here from now on, elsewhere as
        soon as it is told there."""
        if seconds > 0:
            seconds = min(seconds, MAX_HOLD_OFF_SECONDS)
            self._held_until = max(self._held_until, _now() + seconds)
            self._later(self._meter.hold_off(seconds))

    def active(self) -> int:
        """Attempts of this process that are through now."""
        return len(self._through)

    def is_busy(self) -> bool:
        """Whether who comes now would wait, as far as this process knows."""
        streams = self.limits.concurrent_streams
        full = bool(streams) and self.active() >= streams
        return full or bool(self._line) or self._held_until > _now()

    def waiting(self) -> int:
        """Turns in line in this process."""
        return len(self._line)

    def change_limits(self, limits: KeyLimits) -> None:
        """Hold to other limits from now on; who is through stays so."""
        if limits != self.limits:
            self.limits = limits
            self._changed()

    async def aclose(self) -> None:
        """Wait until all is given back that was left, and give back the rest."""
        while self._chores:
            await asyncio.wait(self._chores)
        await self._meter.aclose()

    def _join(self, claim: Claim) -> Waiter:
        waiter = Waiter(claim, _now() + self._queue_seconds)
        if len(self._line) >= max(1, self._queue_length):
            raise _refusal("Too many turns wait for the relay's key.", waiter)
        self._line.join(waiter)
        self._wake()
        return waiter

    def _depart(self, waiter: Waiter, *, served: bool) -> None:
        if served:
            self._line.serve(waiter)
        else:
            self._line.leave(waiter)
            if not self._line:
                self._later(self._meter.step_back())
        self._wake()

    async def _is_granted(self, waiter: Waiter) -> bool:
        now = _now()
        if self._line.head is not waiter or not waiter.may_ask(self._changes, now):
            return False
        changes = self._changes
        if self._held_until > now:
            delay = self._held_until - now
            answer = Answer(granted=False, delay_seconds=delay, ask_again_seconds=delay)
        else:
            answer = await self._asked(waiter.lease)
        waiter.take(answer, changes, _now())
        return answer.granted

    async def _asked(self, lease: Lease) -> Answer:
        asking = asyncio.ensure_future(self._meter.take(lease, self.limits))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            self._later(self._undo(asking, lease))
            raise

    async def _undo(self, asking: "asyncio.Task[Answer]", lease: Lease) -> None:
        if (await asking).granted:
            await self._meter.undo(lease, self.limits)
        elif not self._line:
            # What it asked has put this process in line again.
            await self._meter.step_back()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what nobody has to wait for; `aclose` does."""
        chore = asyncio.create_task(work, name="gate")
        self._chores.add(chore)
        chore.add_done_callback(self._chore_ended)

    def _chore_ended(self, chore: "asyncio.Task[None]") -> None:
        self._chores.discard(chore)
        if not chore.cancelled() and (error := chore.exception()):
            log.error("place_not_given_back", exc_info=error)
        self._changed()

    def _changed(self) -> None:
        self._changes += 1
        self._wake()

    def _wake(self) -> None:
        for waiter in self._line:
            waiter.woken.set()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _refusal(message: str, waiter: Waiter) -> RelayRateLimited:
    wait = waiter.allowed_at - _now()
    return RelayRateLimited(
        message,
        retry_after_seconds=wait if wait > 0 else COME_AGAIN_SECONDS,
        retryable=False,
        sent=False,
    )
