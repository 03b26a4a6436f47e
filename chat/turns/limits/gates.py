"""The gates of each event loop, one for each relay key."""

import asyncio
import hashlib
import weakref
from urllib.parse import quote

from django.conf import settings

from chat.relay.settings import RelaySettings
from chat.turns.limits.gate import LimitedGate
from chat.turns.limits.link import Link
from chat.turns.limits.memory import MemoryMeter
from chat.turns.limits.meter import KeyLimits, Meter
from chat.turns.limits.shared import SharedMeter


class Gates:
    """Makes the gates of one event loop and keeps them, with the one connection to Redis."""

    def __init__(self, redis_url: str) -> None:
        """Without an address the counts are those of this process."""
        self._gates: dict[str, LimitedGate] = {}
        self._link = Link(redis_url) if redis_url else None

    def of(self, relay: RelaySettings) -> LimitedGate:
        """The gate before a relay's key: the same one as long as the key is the same, with the
        limits that were given last."""
        limits, place = limits_of(relay), place_of(relay)
        gate = self._gates.get(place)
        if gate is None:
            gate = self._gates[place] = LimitedGate(
                self._meter(place),
                limits,
                queue_seconds=settings.LIMITS.queue_seconds,
                queue_length=settings.LIMITS.queue_length,
            )
        gate.change_limits(limits)
        return gate

    async def aclose(self) -> None:
        """Give back all places."""
        for gate in self._gates.values():
            await gate.aclose()
        self._gates.clear()
        if self._link is not None:
            await self._link.aclose()

    def _meter(self, name: str) -> Meter:
        return MemoryMeter() if self._link is None else SharedMeter(self._link, name)


def limits_of(relay: RelaySettings) -> KeyLimits:
    """The limits that a relay's settings name."""
    return KeyLimits(relay.requests_per_minute, relay.tokens_per_minute, relay.concurrent_streams)


def place_of(relay: RelaySettings) -> str:
    """Names a relay's key in every process alike. Another key under the same label has counts of
    its own: nobody has asked it to pause."""
    digest = hashlib.sha256(f"{relay.base_url} {relay.api_key}".encode()).hexdigest()[:12]
    return ":".join((quote(relay.name, safe=""), quote(relay.key_label, safe=""), digest))


_by_loop: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Gates]" = (
    weakref.WeakKeyDictionary()
)


def gate_for(relay: RelaySettings) -> LimitedGate:
    """The gate before a relay's key, in the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _by_loop:
        _by_loop[loop] = Gates(settings.SITE.redis_url)
    return _by_loop[loop].of(relay)


async def close_gates() -> None:
    """Give back all places of the running event loop, at the end of the server."""
    gates = _by_loop.pop(asyncio.get_running_loop(), None)
    if gates is not None:
        await gates.aclose()
