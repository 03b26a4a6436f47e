"""Clients that people have, with nothing changed but the address and the key."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients import python_clients
from tests.clients.conftest import Site
from tests.clients.results import Refusal, Results, results_of
from tests.conftest import lacking
from tests.node import node, run_script
from tests.openai.waiting import eventually

HERE = Path(__file__).parent
SCRIPTS = ("fetch", "openai", "ws")
EXPECTED = {
    "Python openai": (("AuthenticationError", 401), ("NotFoundError", 404)),
    "httpx": (("HTTPStatusError", 401), ("HTTPStatusError", 404)),
    "aiohttp": (("ClientResponseError", 401), ("ClientResponseError", 404)),
    "requests": (("HTTPError", 401), ("HTTPError", 404)),
    "websockets": (("InvalidStatus", 403), ("frame", 404)),
    "Node fetch": (("invalid_api_key", 401), ("model_not_found", 404)),
    "Node openai": (("AuthenticationError", 401), ("NotFoundError", 404)),
    "Node ws": (("unexpected-response", 403), ("frame", 404)),
}
"""How each client tells a wrong key and an unknown model."""
STREAMS_ONLY = ("websockets", "Node ws")
clients = pytest.mark.parametrize("client", EXPECTED)
Told = Callable[[str], Awaitable[dict[str, Any]]]
Came = Callable[[str], Awaitable[Results]]


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    """What came of each client, which is tried once."""
    return {}


@pytest.fixture
def told(site: Site, kept: dict[str, Any]) -> Told:
    """What a script of Node's told."""

    async def told_by(client: str) -> dict[str, Any]:
        if client not in kept:
            if node() is None:
                lacking("Node with the page's packages")
            name = client.removeprefix("Node ")
            kept[client] = await run_script(HERE / f"{name}.mjs", env=site.environment())
        found: dict[str, Any] = kept[client]
        return found

    return told_by


@pytest.fixture
def came(site: Site, kept: dict[str, Any], told: Told) -> Came:
    """What came of a client."""
    plays: dict[str, python_clients.Play] = {
        "Python openai": python_clients.with_openai,
        "httpx": python_clients.with_httpx,
        "aiohttp": python_clients.with_aiohttp,
        "requests": python_clients.with_requests,
        "websockets": python_clients.with_websockets,
    }

    async def came_of(client: str) -> Results:
        if client.startswith("Node"):
            return results_of(await told(client))
        if client not in kept:
            kept[client] = await plays[client](site)
        found: Results = kept[client]
        return found

    return came_of


@clients
async def test_a_stream_and_a_whole_answer_are_the_same_text(client: str, came: Came) -> None:
    results = await came(client)
    assert results.streamed == (await came("httpx")).whole
    assert results.whole == (None if client in STREAMS_ONLY else results.streamed)
    assert len(results.streamed) > 20


@clients
async def test_a_refusal_is_told_in_the_clients_own_way(client: str, came: Came) -> None:
    results = await came(client)
    wrong_key, unknown_model = (Refusal(*each) for each in EXPECTED[client])
    assert results.wrong_key == wrong_key
    assert results.unknown_model == unknown_model


@clients
async def test_who_leaves_in_the_middle_stops_the_turn_and_pays_once(
    client: str, came: Came, site: Site
) -> None:
    cancelled = (await came(client)).cancelled
    eventually(lambda: site.state_of(cancelled) == ("interrupted", 1))


async def test_openais_package_for_javascript_finds_all_it_knows(site: Site, told: Told) -> None:
    found = await told("Node openai")
    assert "gpt-4.1" in found["models"]
    assert found["usage"][0] > 0
    called = {"finish_reason": "tool_calls", "name": "weather"}
    arguments = '{"city": "Hu\u1ebf", "days": 3}'
    assert found["calls"] == [called | {"arguments": arguments}] * 2
    # The first try met a relay out of order.
    assert found["retried"]
