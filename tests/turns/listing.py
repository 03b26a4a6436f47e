"""Relays that only list models, and what is offered of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chat.queries.model_words import ModelWords
from chat.relay.client import RelayClient
from chat.relay.settings import RelaySettings
from chat.turns.relays.catalogues import Catalogues


class Listing:
    """A relay that lists models; it can be slow, fail, and drop some."""

    def __init__(self, name: str, *models: Any, patterns: tuple[str, ...] = ()) -> None:
        self.models = list(models)
        self.error: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.asked = 0
        settings = RelaySettings(
            name=name,
            base_url="http://127.0.0.1:9/v1",
            models=patterns,
            catalogue_ttl_seconds=0.05,
            catalogue_keep_seconds=0.3,
        )
        self.client = RelayClient(settings, documents=self)

    async def get_document(self, path: str) -> Any:
        assert path == "models"
        self.asked += 1
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return {"data": list(self.models)}

    async def aclose(self) -> None:
        pass


Make = Callable[..., Catalogues]


@asynccontextmanager
async def quick_catalogues(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    """Make catalogues that ask many times a second; all are closed in the end."""
    monkeypatch.setattr("chat.turns.relays.catalogues.LEAST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("chat.turns.relays.catalogues.FAULT_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("chat.relay.catalog.PAUSE_AFTER_FAILURE_SECONDS", 0.02)
    made: list[Catalogues] = []

    def catalogues(*relays: Listing, words: ModelWords | None = None) -> Catalogues:
        new = Catalogues(relay.client for relay in relays)
        if words is not None:
            new.heed(words)
        made.append(new)
        return new

    yield catalogues
    for each in made:
        await each.aclose()


async def offered(catalogues: Catalogues) -> list[str]:
    return [offer.model for offer in (await catalogues.offering()).offers.values()]


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def until_offered(catalogues: Catalogues, *models: str) -> None:
    async with asyncio.timeout(5):
        while await offered(catalogues) != list(models):
            await asyncio.sleep(0.005)


def logged(logs: Any, event: str) -> list[Any]:
    return [entry for entry in logs if entry["event"] == event]
