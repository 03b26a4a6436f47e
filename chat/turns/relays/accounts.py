"""What each relay says of our account with it, asked seldom and never waited for long."""

import asyncio
import time
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from chat.relay.client import RelayClient
from chat.relay.errors import RelayError
from chat.turns.relays.directory import RelayDirectory

PATIENCE_SECONDS = 2.0
KEPT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Account:
    """Tokens used and granted in the relay's own unit, or the code of why they are not known."""

    used: float | None = None
    granted: float | None = None
    code: str = ""

    @property
    def left(self) -> float | None:
        """What is left, where the relay says enough."""
        if self.used is None or self.granted is None:
            return None
        return self.granted - self.used


_kept: "WeakKeyDictionary[RelayClient, tuple[Account, float]]" = WeakKeyDictionary()


async def accounts(relays: RelayDirectory) -> dict[tuple[str, str], Account]:
    """The accounts by relay and key label, asked at once and at most once a minute."""
    clients = relays.clients
    found = await asyncio.gather(*(_account(client) for client in clients))
    names = ((client.settings.name, client.settings.key_label) for client in clients)
    return dict(zip(names, found, strict=True))


async def _account(client: RelayClient) -> Account:
    kept = _kept.get(client)
    if kept is not None and time.monotonic() < kept[1]:
        return kept[0]
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            said = await client.usage()
    except RelayError as error:
        account = Account(code=error.code)
    except TimeoutError:
        account = Account(code="relay_timeout")
    else:
        account = Account(said.total_usage, said.total_granted)
    _kept[client] = account, time.monotonic() + KEPT_SECONDS
    return account
