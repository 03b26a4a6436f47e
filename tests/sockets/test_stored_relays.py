"""An administrator adds a relay to a running server, which answers from it, and takes it away."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import TramServer
from tests.socket_client import SocketClient

KEY = "hsa-planted-canary-0123456789"
SECRETS = "for-tests-only-" + "z" * 40
SECONDS = 8.0
"""Within seconds: a look every two, a list of models, and a slow machine."""


@pytest.fixture
def server(server_template: Path, tmp_path: Path) -> Iterator[TramServer]:
    """A server without any relay of its own, beside a demo relay that it is not told of."""
    env = {
        "EMBEDDED_RELAYS": "",
        "RELAY_KEY_SECRETS": SECRETS,
        "RELAY_PRIVATE_NETWORKS": "127.0.0.0/8",
    }
    options = ("--key", KEY, "--tokens-per-second", "150")
    with TramServer(tmp_path / "tram", server_template, env, relay_options=options) as server:
        yield server


@pytest.fixture
def alice(server: TramServer) -> Iterator[httpx.Client]:
    with closing(server.sign_in("alice")) as client:
        yield client


def form(server: TramServer, **changes: str) -> dict[str, str]:
    fields = {
        "name": "House relay",
        "base_url": server.relay_url,
        "transport": "sse",
        "priority": "10",
        "weight": "1",
        "enabled": "on",
        "keys-TOTAL_FORMS": "1",
        "keys-INITIAL_FORMS": "0",
        "keys-0-label": "main",
        "keys-0-key": KEY,
        "keys-0-enabled": "on",
        "keys-0-weight": "1",
    }
    return fields | changes


def send(client: httpx.Client, path: str, fields: dict[str, Any]) -> httpx.Response:
    token = client.headers["X-CSRFToken"]
    return client.post(f"/admin/chat/relay/{path}", data=fields | {"csrfmiddlewaretoken": token})


def offered(client: httpx.Client) -> list[str]:
    listed = client.get("/api/models").raise_for_status().json()
    return [item["id"] for item in listed["items"] if item["available"]]


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def everything(path: Path) -> str:
    with closing(sqlite3.connect(path, timeout=20)) as database:
        return "\n".join(database.iterdump())


@pytest.mark.slow
async def test_a_relay_comes_and_goes_while_the_server_runs(
    server: TramServer, alice: httpx.Client
) -> None:
    assert offered(alice) == []
    headers = server.socket_headers(alice)
    async with await SocketClient.open(server.ws_url, headers) as socket:
        refused = await socket.chat("Hello?", model="gpt-4.1")
        assert (refused["code"], refused["detail"]) == ("relay_unavailable", {"reason": "no_relay"})
        assert "An administrator adds one" in refused["message"]
    with closing(server.sign_in("bob")) as bob:
        assert send(bob, "add/", form(server)).status_code in (302, 403)
        assert bob.get("/admin/chat/relay/").status_code in (302, 403)
    assert server.rows("select count(*) from chat_relay") == [(0,)]

    assert send(alice, "add/", form(server)).status_code == 302
    until(lambda: "gpt-4.1" in offered(alice))
    async with await SocketClient.open(server.ws_url, headers) as socket:
        accepted = await socket.chat("Write something long", model="gpt-4.1")
        await socket.first_text(accepted["turn"])

        # Taken away in the middle of an answer: that one goes on to its end.
        ((relay_id,),) = server.rows("select id from chat_relay")
        action = {"action": "disable", "_selected_action": str(relay_id)}
        assert send(alice, "", action).status_code == 302
        until(lambda: offered(alice) == [])
        refused = await socket.chat("And another", model="gpt-4.1")
        assert refused["type"] == "error"
        done = await socket.done(accepted["turn"])
        assert (done["state"], done["quality"]) == ("completed", "reported")
    assert server.rows("select distinct route from chat_turn") == [("House relay",)]
    assert "Traceback" not in server.log
    assert KEY not in server.log + everything(server.data_dir / "tram.sqlite3")


async def test_what_another_process_changes_is_noticed(
    server: TramServer, alice: httpx.Client
) -> None:
    assert send(alice, "add/", form(server)).status_code == 302
    until(lambda: "gpt-4.1" in offered(alice))
    with closing(sqlite3.connect(server.data_dir / "tram.sqlite3", timeout=20)) as other:
        other.execute("update chat_relay set models_allowed = 'deepseek-*'")
        other.commit()
    until(lambda: (found := offered(alice)) != [] and "gpt-4.1" not in found)
