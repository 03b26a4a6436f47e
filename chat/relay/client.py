"""The client of one relay: single tries, the catalogue, the account."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from typing import Any, Protocol

import msgspec

from chat.relay.attempts import Attempt
from chat.relay.catalog import Catalogue, CatalogueKeeper
from chat.relay.errors import ModelUnknown, RelayError, RelayProtocol
from chat.relay.settings import RelaySettings
from chat.relay.transports.auto import transport_for
from chat.relay.transports.base import Transport
from chat.relay.transports.http import RelayHTTP
from chat.relay.types import ChatRequest, RelayEvent

__all__ = ["RelayAccount", "RelayClient", "RelaySettings"]

MOST_TOKENS = 10**15
"""More than that nobody has used or been granted, in whatever unit."""


class Documents(Protocol):
    """Where `/models` and `/usage` come from."""

    async def get_document(self, path: str) -> Any:
        """Return the JSON document; raises RelayError."""
        ...

    async def aclose(self) -> None:
        """Close what is kept open."""
        ...


class RelayAccount(msgspec.Struct, frozen=True):
    """What the relay's `/usage` says: tokens used and granted (None = not said), and the rest."""

    total_usage: float | None
    total_granted: float | None
    other: dict[str, Any]


class RelayClient:
    """All that the product does with one relay. Safe to share between tasks and event loops."""

    def __init__(
        self,
        settings: RelaySettings,
        transport: Transport | None = None,
        documents: Documents | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`transport` defaults to what the settings ask for, `documents` to HTTP; `clock`
        (seconds) is for tests and simulations.
        """
        http = RelayHTTP(settings)
        self.settings = settings
        self._transport = transport or transport_for(settings, http)
        self._documents = documents or http
        self._keeper = CatalogueKeeper(
            lambda: self._documents.get_document("models"),
            settings.catalogue_ttl_seconds,
            clock,
            settings.catalogue_keep_seconds,
        )

    def attempt(
        self, request: ChatRequest, attempt: Attempt | None = None
    ) -> AsyncGenerator[RelayEvent, None]:
        """Make one try, noted in `attempt`, and yield its events; see the transports' seam."""
        return self._transport.stream(request, attempt)

    def explained(self, error: RelayError) -> RelayError:
        """Add near matches to an unknown model, if the catalogue is known."""
        if isinstance(error, ModelUnknown) and self._keeper.kept is not None:
            try:
                self._keeper.kept.resolve(error.model)
            except ModelUnknown as better:
                better.status = error.status
                return better
        return error

    @property
    def catalogue(self) -> CatalogueKeeper:
        """The keeper of what the relay offers."""
        return self._keeper

    async def models(self, *, fresh: bool = False) -> Catalogue:
        """Return what the relay offers, at most `catalogue_ttl_seconds` old.

        When the relay fails: the last good copy, with `error` set; with `fresh`, or without a
        copy, raises RelayError.
        """
        return await self._keeper.get(fresh=fresh)

    async def usage(self) -> RelayAccount:
        """Return the relay's own account of us; raises RelayError."""
        document = await self._documents.get_document("usage")
        if not isinstance(document, dict):
            raise RelayProtocol("The relay's usage is not an object.", sent=False)
        other = dict(document)
        used, granted = other.pop("total_usage", None), other.pop("total_granted", None)
        return RelayAccount(_number(used), _number(granted), other)

    async def aclose(self) -> None:
        """Close the kept connections of the running event loop."""
        await self._transport.aclose()
        await self._documents.aclose()


def _number(value: Any) -> float | None:
    """A relay may write NaN, or an integer that no calculation with a float survives."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -MOST_TOKENS <= value <= MOST_TOKENS else None
