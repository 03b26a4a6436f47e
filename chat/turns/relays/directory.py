"""Who answers for a model, and how."""

import asyncio
import weakref
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from django.conf import settings

from chat.relay.attempts import RoutedEvent
from chat.relay.client import RelayClient
from chat.relay.types import ChatRequest
from chat.services.intents import Models
from chat.turns.relays.catalogues import Catalogues
from chat.turns.relays.configured import configured
from chat.turns.relays.offers import Offer


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
        self.catalogues = Catalogues(clients)

    async def offers(self) -> tuple[Offer, ...]:
        """All models, each once, also those that are not for choosing. Raises RelayError when no
        relay can be asked."""
        return tuple((await self.catalogues.offering()).offers.values())

    async def default_model(self) -> str:
        """The model of a new conversation: as configured, else the first that is offered."""
        return (await self.catalogues.offering()).default_model(settings.TURNS.default_model)

    async def models(self) -> Models:
        """What admission needs to know of the models. Raises RelayError."""
        return (await self.catalogues.offering()).models(settings.TURNS.default_model)

    async def route(self, model: str) -> Route:
        """Who answers for `model`, an id or an alias. A name that any relay lists is never
        rewritten. Raises ModelUnknown with near matches, or another RelayError."""
        offering = await self.catalogues.offering()
        found = offering.resolve(model)
        client = offering.clients[found][0]
        return Route(client, client.settings.name, found)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[RoutedEvent, None]:
        """Let the relay that offers `request.model` answer. Raises RelayError."""
        route = await self.route(request.model)
        async with aclosing(route.client.stream(request)) as events:
            async for event in events:
                yield event

    async def aclose(self) -> None:
        """Stop asking for models, and close the connections to all relays."""
        await self.catalogues.aclose()
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
