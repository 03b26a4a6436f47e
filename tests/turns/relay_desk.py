"""The administrators' side of the relays: what is stored, and the clients that come of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from chat.relay.client import RelayClient
from chat.relay.settings import RelaySettings
from chat.turns.relays.membership import Membership


class Documents:
    """A relay that lists models; it notes when its client is closed."""

    def __init__(self, settings: RelaySettings, desk: Desk) -> None:
        self.name = settings.name
        self._desk = desk
        self.closed = False

    async def get_document(self, path: str) -> Any:
        if self._desk.slow:
            await asyncio.Event().wait()
        return {"data": [{"id": "gpt-4.1"}, {"id": f"{self.name}-only"}]}

    async def aclose(self) -> None:
        self.closed = True


class Desk:
    """The administrator's side: what is stored, and what the directory made of it."""

    def __init__(self) -> None:
        self.stored: tuple[RelaySettings, ...] | Exception = ()
        self.documents: dict[RelayClient, Documents] = {}
        self.looks = 0
        self.slow = False
        self._made: list[Membership] = []

    async def load(self) -> tuple[RelaySettings, ...]:
        self.looks += 1
        if isinstance(self.stored, Exception):
            raise self.stored
        return self.stored

    def client(self, settings: RelaySettings) -> RelayClient:
        documents = Documents(settings, self)
        client = RelayClient(settings, documents=documents)
        self.documents[client] = documents
        return client

    def membership(self, *environment: RelaySettings, **options: Any) -> Membership:
        values: dict[str, Any] = {
            "make_client": self.client,
            "reload_seconds": 0.01,
            "linger_seconds": 0.0,
        }
        self._made.append(Membership(environment, self.load, **(values | options)))
        return self._made[-1]

    async def aclose(self) -> None:
        for each in self._made:
            await each.aclose()
        assert all(documents.closed for documents in self.documents.values())

    def was_closed(self, client: RelayClient) -> bool:
        return self.documents[client].closed


def relay(name: str, **changes: Any) -> RelaySettings:
    values: dict[str, Any] = {
        "name": name,
        "base_url": f"https://{name}.example/v1",
        "api_key": "hs_1",
        "key_label": "main",
        "priority": 10,
    }
    return RelaySettings(**(values | changes))


ENVIRONMENT = RelaySettings(name="relay", base_url="https://relay.example/v1", api_key="hs_0")


@asynccontextmanager
async def open_desk() -> AsyncIterator[Desk]:
    """A desk; all that was made there is closed in the end, every client with it."""
    desk = Desk()
    yield desk
    await desk.aclose()


def names(membership: Membership) -> list[str]:
    return [client.settings.name for client in membership.clients]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.002)
