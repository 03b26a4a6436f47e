"""One installation as the relay of another: the product's own client asks the product's doors."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import Literal

import pytest

from chat.relay.attempts import Attempt
from chat.relay.client import RelayClient
from chat.relay.errors import ModelUnknown, RelayAuth, RelayRateLimited
from chat.relay.settings import RelaySettings
from chat.relay.types import ChatRequest, Delta, Finish, RelayEvent, RelayMessage, UsageReport
from tests.clients.conftest import Site
from tests.clients.results import LONG, MODEL, SHORT, WRONG_KEY
from tests.openai.waiting import eventually

Transport = Literal["sse", "websocket"]
both = pytest.mark.parametrize("transport", ["sse", "websocket"])


@asynccontextmanager
async def client_of(
    site: Site, transport: Transport, key: str | None = None
) -> AsyncGenerator[RelayClient]:
    settings = RelaySettings(
        name="tram", base_url=site.base_url, api_key=key or site.key, transport=transport
    )
    client = RelayClient(settings)
    try:
        yield client
    finally:
        await client.aclose()


def request(text: str = SHORT, model: str = MODEL) -> ChatRequest:
    return ChatRequest(model, (RelayMessage("user", text),), max_tokens=400)


async def events_of(client: RelayClient, asked: ChatRequest) -> list[RelayEvent]:
    return [event async for event in client.attempt(asked)]


@both
async def test_an_answer_comes_with_its_usage_and_its_end(site: Site, transport: Transport) -> None:
    async with client_of(site, transport) as client:
        events = await events_of(client, request())
    assert "".join(event.content for event in events if isinstance(event, Delta))
    assert [event for event in events if isinstance(event, Finish)] == [Finish("stop")]
    reports = [event.usage for event in events if isinstance(event, UsageReport)]
    assert reports[-1].total_tokens > 0


@both
async def test_who_stops_reading_stops_the_turn_behind(site: Site, transport: Transport) -> None:
    async with client_of(site, transport) as client:
        asked = request(LONG)
        attempt = Attempt(1, "tram", "", asked)
        async with aclosing(client.attempt(asked, attempt)) as stream:
            async for event in stream:
                if isinstance(event, Delta) and event.content:
                    break
    assert attempt.response_id
    eventually(lambda: site.state_of(attempt.response_id or "") == ("interrupted", 1))


@both
async def test_refusals_are_understood(site: Site, transport: Transport) -> None:
    async with client_of(site, transport) as client:
        with pytest.raises(ModelUnknown):
            await events_of(client, request(model="no-such-model"))
        body = {"error": {"message": "Retry after 3 seconds", "type": "rate_limit_error"}}
        site.let_relay({"act": "status", "status": 429, "body": body})
        with pytest.raises(RelayRateLimited):
            await events_of(client, request())
    async with client_of(site, transport, WRONG_KEY) as stranger:
        with pytest.raises(RelayAuth):
            await events_of(stranger, request())


async def test_its_models_and_its_usage_are_read_like_a_relays(site: Site) -> None:
    async with client_of(site, "sse") as client:
        assert MODEL in [entry.id for entry in (await client.models()).entries]
        assert (await client.usage()).total_usage is not None
