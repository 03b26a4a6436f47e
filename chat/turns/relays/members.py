"""One relay with one key among those that turns may go to."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from chat.relay.breaker import Breaker
from chat.relay.client import RelayClient
from chat.relay.gates import Gate
from chat.relay.settings import RelaySettings


@dataclass(eq=False, slots=True)
class Member:
    """A relay's client for one key, and what its attempts have in common.

    `succeeds` = it replaces an earlier member for the same relay and key.
    """

    client: RelayClient
    gate: Gate
    breaker: Breaker
    succeeds: bool = False
    _users: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._idle.set()

    @property
    def settings(self) -> RelaySettings:
        """What its client was made from."""
        return self.client.settings

    @property
    def shown(self) -> str:
        """Its name for logs."""
        return f"{self.settings.name}/{self.settings.key_label}".rstrip("/")

    def enter(self) -> None:
        """Somebody uses the client."""
        self._users += 1
        self._idle.clear()

    def leave(self) -> None:
        """Who entered is done."""
        self._users -= 1
        if not self._users:
            self._idle.set()

    async def unused(self) -> None:
        """Wait until nobody uses the client."""
        await self._idle.wait()


def succeed(
    settings: RelaySettings,
    before: tuple[Member, ...],
    make_client: Callable[[RelaySettings], RelayClient],
    gate_for: Callable[[RelaySettings], Gate],
) -> Member:
    """Return the member for `settings`: the one there is if nothing changed, else a new one that
    keeps what is still true of the one before it."""
    former = next((m for m in before if _identity(m.settings) == _identity(settings)), None)
    if former is None:
        gate = gate_for(settings)
        return Member(make_client(settings), gate, Breaker())
    if former.settings == settings:
        return former
    same_gate = _limits(former.settings) == _limits(settings)
    same_door = _door(former.settings) == _door(settings)
    gate = former.gate if same_gate and same_door else gate_for(settings)
    breaker = former.breaker if same_door else Breaker()
    return Member(make_client(settings), gate, breaker, succeeds=True)


def _identity(settings: RelaySettings) -> tuple[str, str]:
    return settings.name, settings.key_label


def _limits(settings: RelaySettings) -> tuple[int, int, int]:
    return (settings.requests_per_minute, settings.tokens_per_minute, settings.concurrent_streams)


def _door(settings: RelaySettings) -> tuple[str, str, str]:
    return settings.base_url, settings.ws_url, settings.api_key
