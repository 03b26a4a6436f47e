"""Demo relays on real sockets, for turns to go to."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import Any, Self

from chat.relay.attempts import RoutedEvent
from chat.relay.breaker import Breaker
from chat.relay.client import RelayClient
from chat.relay.demo import DemoRelay
from chat.relay.gates import Claim, OpenGate
from chat.relay.recourse import GoOn
from chat.relay.routes import Route
from chat.relay.routing import Router
from chat.relay.settings import RelaySettings
from chat.relay.types import ChatRequest
from tests.chat.admitting import MODEL


class Relays:
    """Relays on loopback, asked in the order in which they were added."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self.routes: list[Route] = []
        self._router = Router(rng=random.Random(1))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def add(self, **settings: Any) -> DemoRelay:
        """Start one more relay."""
        relay = await self._stack.enter_async_context(
            DemoRelay(tokens_per_second=None, first_token_seconds=0.0, seed=1)
        )
        number = len(self.routes)
        values: dict[str, Any] = {
            "name": f"relay {number}",
            "base_url": relay.base_url,
            "api_key": "hs_demo",
            "priority": number,
            "retry_delay_ms": 1,
        }
        client = RelayClient(RelaySettings(**(values | settings)))
        self._stack.push_async_callback(client.aclose)
        self.routes.append(Route(client, MODEL, OpenGate(), Breaker()))
        return relay

    async def stream(
        self, request: ChatRequest, claim: Claim, go_on: GoOn | None = None
    ) -> AsyncGenerator[RoutedEvent, None]:
        """Let the router fetch the answer."""
        async with aclosing(self._router.answer(request, self.routes, claim, go_on)) as events:
            async for event in events:
                yield event
