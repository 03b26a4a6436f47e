"""A relay drops a model: it disappears within its time, and its conversations stay whole."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import TramServer
from tests.socket_client import SocketClient

TTL_SECONDS = 0.5
MODEL = "gemini-2.5-flash"


@pytest.fixture(scope="module")
def server(server_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TramServer]:
    env = {"RELAY_MODELS_TTL_SECONDS": str(TTL_SECONDS)}
    options = ("--tokens-per-second", "0", "--first-token-seconds", "0.02")
    folder = tmp_path_factory.mktemp("dropping")
    with TramServer(folder, server_template, env, relay_options=options) as server:
        yield server


@pytest.fixture
def alice(server: TramServer) -> Iterator[httpx.Client]:
    with closing(server.sign_in("alice")) as client:
        yield client


class Stock:
    """What the relay offers."""

    def __init__(self, server: TramServer) -> None:
        self._address = server.relay_url.removesuffix("/v1") + "/demo/models"

    def __call__(self, **shelf: Any) -> int:
        """Change it; returns how often the list was asked for until now."""
        answer = httpx.post(self._address, json=shelf, timeout=10).raise_for_status()
        return int(answer.json()["asked"])

    async def until_asked(self, **shelf: Any) -> None:
        """Change it, and wait until the list has been asked for since."""
        before = self(**shelf)
        async with asyncio.timeout(20):
            while self(**shelf) == before:
                await asyncio.sleep(0.05)


@pytest.fixture(autouse=True)
def stock(server: TramServer) -> Iterator[Stock]:
    """Change what the relay offers; in the end it offers everything again."""
    stock = Stock(server)
    yield stock
    stock()


def listed(alice: httpx.Client, model: str) -> Any:
    items = alice.get("/api/models").raise_for_status().json()["items"]
    return next(item for item in items if item["id"] == model)


def until_available(alice: httpx.Client, *, available: bool) -> float:
    """Wait until the model is available, or is not; return after how many seconds it was."""
    begun = time.monotonic()
    while listed(alice, MODEL)["available"] != available:
        assert time.monotonic() < begun + 20
        time.sleep(0.05)
    return time.monotonic() - begun


async def open_as(server: TramServer, client: httpx.Client) -> SocketClient:
    return await SocketClient.open(server.ws_url, server.socket_headers(client))


async def test_a_dropped_model_disappears_and_its_conversation_stays(
    server: TramServer, alice: httpx.Client, stock: Stock
) -> None:
    until_available(alice, available=True)
    async with await open_as(server, alice) as socket:
        first = await socket.chat("Say something short", model=MODEL)
        assert (await socket.done(first["turn"]))["state"] == "completed"
        stock(dropped=[MODEL])
        assert until_available(alice, available=False) < 10 * TTL_SECONDS
        assert listed(alice, MODEL)["reason"] == "No relay offers it now."

        path = f"/api/conversations/{first['conversation']}/messages"
        messages = alice.get(path).raise_for_status().json()["items"]
        assert [message["role"] for message in messages] == ["user", "assistant"]
        assert messages[1]["content"]
        assert messages[1]["model"] == MODEL

        for fields in ({"model": MODEL}, {}):
            refused = await socket.chat("And?", conversation=first["conversation"], **fields)
            assert refused["code"] == "model_unknown"
            hints = ("Choose another one", "Did you mean")
            assert any(hint in refused["message"] for hint in hints)
        assert len(alice.get(path).json()["items"]) == 2

        other = await socket.chat("And now?", conversation=first["conversation"], model="gpt-4.1")
        assert (await socket.done(other["turn"]))["state"] == "completed"
        stock()
        until_available(alice, available=True)
        back = await socket.chat("Back?", conversation=first["conversation"], model=MODEL)
        assert (await socket.done(back["turn"]))["state"] == "completed"


async def test_no_send_waits_for_a_slow_list(
    server: TramServer, alice: httpx.Client, stock: Stock
) -> None:
    until_available(alice, available=True)
    # The next list is asked for, and stays away for longer than the test takes.
    await stock.until_asked(delay_seconds=8)
    async with await open_as(server, alice) as socket:
        begun = time.monotonic()
        turn = await socket.chat("Say something short", model=MODEL)
        assert (await socket.done(turn["turn"]))["state"] == "completed"
        assert time.monotonic() - begun < 5
    assert listed(alice, MODEL)["available"]


@pytest.mark.slow
async def test_a_relay_whose_list_fails_goes_on_with_its_last_one(
    server: TramServer, alice: httpx.Client, stock: Stock
) -> None:
    until_available(alice, available=True)
    await stock.until_asked(status=503)
    async with await open_as(server, alice) as socket:
        turn = await socket.chat("Say something short", model=MODEL)
        assert (await socket.done(turn["turn"]))["state"] == "completed"


def say(alice: httpx.Client, kind: str, **fields: str) -> None:
    """Let Alice, who administers the site, say something of a model."""
    form = {**fields, "csrfmiddlewaretoken": alice.headers["X-CSRFToken"]}
    assert alice.post(f"/admin/chat/{kind}/add/", data=form).status_code == 302


async def test_the_word_of_an_administrator_holds_within_seconds(
    server: TramServer, alice: httpx.Client
) -> None:
    until_available(alice, available=True)
    async with await open_as(server, alice) as socket:
        first = await socket.chat("Say something short", model=MODEL)
        await socket.done(first["turn"])
        say(alice, "modelalias", alias="quick", model=MODEL)
        say(alice, "modelsetting", model=MODEL, name="Our Flash", visibility="forbidden")
        assert until_available(alice, available=False) < 5
        assert listed(alice, MODEL)["name"] == "Our Flash"
        for fields in (
            {"model": MODEL},
            {"model": "quick"},
            {"conversation": first["conversation"]},
        ):
            refused = await socket.chat("And?", **fields)
            assert refused["code"] == "model_not_allowed"
            assert refused["detail"]["reason"] == "forbidden"
