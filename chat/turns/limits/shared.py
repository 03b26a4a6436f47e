"""Counts that all processes share in Redis, and what holds while Redis does not answer."""

import asyncio
import math
import secrets
from typing import Any

from chat.turns.limits.link import Link
from chat.turns.limits.memory import MemoryMeter
from chat.turns.limits.meter import (
    MAX_DEBT_MINUTES,
    MAX_HOLD_OFF_SECONDS,
    Answer,
    KeyLimits,
    Lease,
)
from chat.turns.limits.scripts import GIVE_BACK, HOLD_OFF, KEYS, RENEW, STEP_BACK, TAKE

LEASE_SECONDS = 15.0
"""A place that nobody renews is free again after this: so long those of a killed process count."""
FRESH_SECONDS = 3.0
"""A process that waits and does not ask for this long has left the line of processes."""
PREFIX = "tram:limits"


class SharedMeter:
    """A `Meter` over Redis. Whatever is counted there is counted in this process as well: so when
    Redis does not answer, the limits go on to hold for each process by itself.

    A place is a lease: renewed while the answer runs, gone with the process. A key without limits
    is not counted in Redis.
    """

    def __init__(
        self,
        link: Link,
        name: str,
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        """`name` is the key's among all."""
        self._link = link
        self._process = secrets.token_hex(8)
        self._keys = [f"{PREFIX}:{{{name}}}:{part}" for part in KEYS]
        self._lease_seconds = lease_seconds
        self._here = MemoryMeter()
        self._leases: dict[str, Lease] = {}
        self._renewing: asyncio.Task[None] | None = None
        # A lease must not be renewed by a list from before it was dropped.
        self._listing = asyncio.Lock()

    async def take(self, lease: Lease, limits: KeyLimits) -> Answer:
        """Ask for a place."""
        if not limits.any:
            return await self._take_here(lease, limits)
        reply = await self._run(
            TAKE,
            lease.id,
            self._process,
            limits.concurrent_streams,
            limits.requests_per_minute,
            limits.tokens_per_minute,
            lease.tokens,
            _ms(self._lease_seconds),
            _ms(max(FRESH_SECONDS, 3 * self._link.pace.seconds)),
            MAX_DEBT_MINUTES,
            _ms(MAX_HOLD_OFF_SECONDS),
        )
        if reply is None:
            return await self._take_here(lease, limits)
        granted, wait_ms = reply
        if granted:
            self._here.count(lease, limits)
            self._keep(lease)
            self._link.pace.forget(self)
            return Answer(granted=True)
        self._link.pace.note(self)
        again = self._link.pace.seconds
        if not wait_ms:
            return Answer(granted=False, ask_again_seconds=again)
        # Asked before the time as well, so as to keep the place among the processes.
        delay = wait_ms / 1000
        soon = min(delay, max(again, FRESH_SECONDS / 3))
        return Answer(granted=False, delay_seconds=delay, ask_again_seconds=soon)

    async def give_back(self, lease: Lease, tokens: int | None, limits: KeyLimits) -> None:
        """The answer ended."""
        await self._here.give_back(lease, tokens, limits)
        more = 0 if tokens is None else lease.tokens - tokens
        await self._drop(lease, more, limits, "end")

    async def undo(self, lease: Lease, limits: KeyLimits) -> None:
        """Nothing was sent."""
        await self._here.undo(lease, limits)
        await self._drop(lease, lease.tokens, limits, "undo")

    async def hold_off(self, seconds: float) -> None:
        """Let the other processes give no place for so long."""
        await self._run(HOLD_OFF, _ms(seconds))

    async def step_back(self) -> None:
        """Nobody of this process waits any more."""
        if self._link.pace.forget(self):
            await self._run(STEP_BACK, self._process)

    async def aclose(self) -> None:
        """Let go of all places."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait({self._renewing})
        await self.step_back()
        for lease in list(self._leases.values()):
            await self._drop(lease, 0, KeyLimits(), "end")

    async def _take_here(self, lease: Lease, limits: KeyLimits) -> Answer:
        answer = await self._here.take(lease, limits)
        if answer.granted and limits.any:
            # Redis learns of it when it is back.
            self._keep(lease)
        elif not answer.granted and answer.ask_again_seconds is None:
            answer = Answer(granted=False, ask_again_seconds=self._link.pause_seconds)
        return answer

    def _keep(self, lease: Lease) -> None:
        self._leases[lease.id] = lease
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew(), name="leases")

    async def _drop(self, lease: Lease, more: int, limits: KeyLimits, how: str) -> None:
        if self._leases.pop(lease.id, None) is not None:
            capacity = limits.tokens_per_minute
            async with self._listing:
                await self._run(GIVE_BACK, lease.id, more, capacity, MAX_DEBT_MINUTES, how)

    async def _renew(self) -> None:
        """Renew the leases for as long as there are any."""
        while self._leases:
            await asyncio.sleep(self._lease_seconds / 3)
            async with self._listing:
                if self._leases:
                    await self._run(RENEW, _ms(self._lease_seconds), *self._leases)

    async def _run(self, script: str, *arguments: str | int) -> Any:
        return await self._link.run(script, self._keys, *arguments)


def _ms(seconds: float) -> int:
    return math.ceil(seconds * 1000)
