"""Who answers for a model, and how."""

import asyncio
import weakref
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import structlog
from django.conf import settings

from chat.relay.attempts import RoutedEvent
from chat.relay.catalog import Catalogue
from chat.relay.client import RelayClient
from chat.relay.errors import RelayError, RelayUnavailable
from chat.relay.types import ChatRequest
from chat.services.intents import Models
from chat.turns.relays.configured import configured
from chat.turns.relays.offers import SCRIPTED_RELAY, Offer

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Route:
    """A relay and the model's id there."""

    client: RelayClient
    relay_name: str
    model: str


class RelayDirectory:
    """The relays in their order of preference; the first that offers a model answers for it."""

    def __init__(self, clients: tuple[RelayClient, ...]) -> None:
        self.clients = clients

    async def offers(self) -> tuple[Offer, ...]:
        """All models, each once. Raises RelayError when no relay can be asked."""
        seen: dict[str, Offer] = {}
        for client, catalogue in await self._catalogues():
            name = client.settings.name
            for entry in catalogue.entries:
                offer = Offer(entry.id, entry.name or entry.id, name, name == SCRIPTED_RELAY)
                seen.setdefault(entry.id, offer)
        return tuple(seen.values())

    async def default_model(self) -> str:
        """The model of a new conversation: as configured, else the first that is offered."""
        if settings.TURNS.default_model:
            return str(settings.TURNS.default_model)
        offers = await self.offers()
        return offers[0].model if offers else ""

    async def models(self) -> Models:
        """What admission needs to know of the models. Raises RelayError."""
        contexts: dict[str, int] = {}
        names: dict[str, str] = {}
        for client, catalogue in await self._catalogues():
            for entry in catalogue.entries:
                # The first relay that offers a model answers for it.
                if entry.id in names:
                    continue
                names[entry.id] = client.settings.name
                if entry.can.context_tokens is not None:
                    contexts[entry.id] = entry.can.context_tokens
        return Models(await self.default_model(), contexts, names)

    async def route(self, model: str) -> Route:
        """Who answers for `model`, an id or an alias. A name that any relay lists is never
        rewritten. Raises ModelUnknown with near matches, or another RelayError."""
        catalogues = await self._catalogues()
        listed = Catalogue(tuple(entry for _, each in catalogues for entry in each.entries))
        found = listed.resolve(model)
        for client, catalogue in catalogues:
            if any(entry.id == found for entry in catalogue.entries):
                return Route(client, client.settings.name, found)
        raise AssertionError("A resolved model is listed by a relay.")

    async def stream(self, request: ChatRequest) -> AsyncGenerator[RoutedEvent, None]:
        """Let the relay that offers `request.model` answer. Raises RelayError."""
        route = await self.route(request.model)
        async with aclosing(route.client.stream(request)) as events:
            async for event in events:
                yield event

    async def _catalogues(self) -> list[tuple[RelayClient, Catalogue]]:
        kept = [(client, client.kept_models()) for client in self.clients]
        fresh = [(client, catalogue) for client, catalogue in kept if catalogue is not None]
        # Several times at each send: nothing is started while every copy is fresh.
        return fresh if kept and len(fresh) == len(kept) else await self._ask_all()

    async def _ask_all(self) -> list[tuple[RelayClient, Catalogue]]:
        answers = await asyncio.gather(
            *(client.models() for client in self.clients), return_exceptions=True
        )
        found, failures = [], []
        for client, answer in zip(self.clients, answers, strict=True):
            if isinstance(answer, RelayError):
                failures.append(answer)
                log.warning("relay_catalogue_failed", relay=client.settings.name, code=answer.code)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found.append((client, answer))
        if not found:
            raise failures[0] if failures else RelayUnavailable("No relay is configured.")
        return found

    async def aclose(self) -> None:
        """Close the connections to all relays."""
        for client in self.clients:
            await client.aclose()


_directories: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, RelayDirectory]" = (
    weakref.WeakKeyDictionary()
)


def directory() -> RelayDirectory:
    """The directory of the running event loop, made from the settings at its first use."""
    loop = asyncio.get_running_loop()
    if loop not in _directories:
        _directories[loop] = RelayDirectory(tuple(RelayClient(each) for each in configured()))
    return _directories[loop]
