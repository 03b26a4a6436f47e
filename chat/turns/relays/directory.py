"""Who answers for a model, and how."""

import asyncio
import contextlib
import weakref
from collections.abc import AsyncGenerator
from contextlib import aclosing

from django.conf import settings

from chat.crossing import cross
from chat.queries.model_words import model_words
from chat.relay.attempts import RoutedEvent
from chat.relay.breaker import Breaker
from chat.relay.client import RelayClient
from chat.relay.gates import Claim, Gate
from chat.relay.recourse import GoOn
from chat.relay.routes import Route
from chat.relay.routing import Router
from chat.relay.settings import RelaySettings
from chat.relay.types import ChatRequest
from chat.services.intents import Models
from chat.turns.limits import gate_for
from chat.turns.relays.catalogues import Catalogues
from chat.turns.relays.configured import configured
from chat.turns.relays.membership import Membership
from chat.turns.relays.offers import Offer, Offering
from chat.turns.relays.stored import stored_relays


class RelayDirectory:
    """The relays, and the routes of a model: those of the relays that offer it."""

    def __init__(self, membership: Membership) -> None:
        self.catalogues = Catalogues(membership.clients)
        self._membership = membership
        self._router = Router()
        membership.changed = self.catalogues.follow

    @property
    def clients(self) -> tuple[RelayClient, ...]:
        """The clients of all relays as they are known now, in their order of preference."""
        return self._membership.clients

    def limits_of(self, client: RelayClient) -> tuple[Gate, Breaker]:
        """The gate and the breaker of one of the clients."""
        return self._membership.limits_of(client)

    async def ready(self) -> None:
        """Begin to follow the relays and their models; returns when the relays of the database
        are known too."""
        await self._membership.ready()
        self.catalogues.begin()

    def look_again(self) -> None:
        """Look now whether administrators changed a relay."""
        self._membership.nudge()

    async def offers(self) -> tuple[Offer, ...]:
        """All models, each once, also those that are not for choosing. Raises RelayError when no
        relay can be asked."""
        return tuple((await self._offering()).offers.values())

    async def default_model(self) -> str:
        """The model of a new conversation: as configured, else the first that is offered."""
        return (await self._offering()).default_model(settings.TURNS.default_model)

    async def models(self) -> Models:
        """What admission needs to know of the models. Raises RelayError."""
        return (await self._offering()).models(settings.TURNS.default_model)

    async def route(self, model: str) -> Route:
        """The first of the routes, to learn what a name means."""
        return (await self.routes(model))[0]

    async def routes(self, model: str) -> tuple[Route, ...]:
        """Who may answer for `model`, an id or an alias. A name that any relay lists is never
        rewritten. Raises ModelUnknown with near matches, or another RelayError."""
        offering = await self._offering()
        found = offering.resolve(model)
        return tuple(
            Route(client, found, *self._membership.limits_of(client))
            for client in offering.clients[found]
        )

    async def stream(
        self, request: ChatRequest, claim: Claim, go_on: GoOn | None = None
    ) -> AsyncGenerator[RoutedEvent, None]:
        """Let one of the relays that offer `request.model` answer. Raises RelayError."""
        routes = await self.routes(request.model)
        # What an administrator takes away meanwhile is not closed under this answer.
        with self._membership.held(route.client for route in routes):
            async with aclosing(self._router.answer(request, routes, claim, go_on)) as events:
                async for event in events:
                    yield event

    async def aclose(self) -> None:
        """Stop asking for models, and close the connections to all relays."""
        await self.catalogues.aclose()
        await self._membership.aclose()

    async def _offering(self) -> Offering:
        await self._membership.ready()
        return await self.catalogues.offering()


_directories: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, RelayDirectory]" = (
    weakref.WeakKeyDictionary()
)


def directory() -> RelayDirectory:
    """The directory of the running event loop, made from the settings at its first use."""
    loop = asyncio.get_running_loop()
    if loop not in _directories:
        membership = Membership(
            configured(),
            lambda: _stored(made.catalogues),
            gate_for=gate_for,
            reload_seconds=settings.STORED_RELAYS.reload_seconds,
        )
        _directories[loop] = made = RelayDirectory(membership)
    return _directories[loop]


async def _stored(catalogues: Catalogues) -> tuple[RelaySettings, ...]:
    """Read all that administrators keep in one crossing: the relays, and what they say of
    models."""
    relays, words = await cross(lambda: (stored_relays(), model_words()))
    catalogues.heed(words)
    return relays


def directory_in_use() -> RelayDirectory | None:
    """The directory of the running event loop, if anything has used it yet."""
    return _directories.get(asyncio.get_running_loop())


def relays_changed() -> None:
    """Let every directory of this process look at once; from any thread."""
    for loop, each in list(_directories.items()):
        # A loop may have ended since: nobody on it asks any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(each.look_again)
