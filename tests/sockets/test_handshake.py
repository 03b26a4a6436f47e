"""Who may open the socket: the exact origin, a living session or key, not too many."""

from contextlib import closing

import pytest
import websockets

from tests.servers import TramServer
from tests.socket_client import SocketClient
from tests.sockets.conftest import OpenSocket, SignedIn

WRONG_ORIGINS = [
    None,
    "null",
    "http://evil.example",
    "https://127.0.0.1:{port}",
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "http://127.0.0.1:{port}.evil.example",
    "http://evil.example#http://127.0.0.1:{port}",
    "http://user@127.0.0.1:{port}",
    "HTTP://127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/path",
]


@pytest.mark.parametrize("origin", WRONG_ORIGINS)
async def test_another_origin_is_closed_with_4403(
    tram_server: TramServer, signed_in: SignedIn, origin: str | None
) -> None:
    headers = tram_server.socket_headers(signed_in("alice"))
    port = tram_server.env["PORT"]
    if origin is None:
        del headers["Origin"]
    else:
        headers["Origin"] = origin.format(port=port)
    if origin and "{port}.evil" in origin:
        # The server itself refuses what is no origin at all.
        with pytest.raises(websockets.InvalidStatus):
            await SocketClient.open(tram_server.ws_url, headers, ready=False)
        return
    client = await SocketClient.open(tram_server.ws_url, headers, ready=False)
    assert await client.wait_closed() == 4403
    assert client.frames == []
    await client.close()


async def test_the_exact_origin_is_greeted(open_socket: OpenSocket) -> None:
    alice = await open_socket("alice")
    ready = alice.frames[0]
    assert ready["protocol"] == "tram.v1"
    assert ready["user"]["name"]
    assert ready["team"]["role"] == "owner"


@pytest.mark.parametrize("cookie", ["", "tram-session=forged"])
async def test_nobody_is_closed_with_4401(tram_server: TramServer, cookie: str) -> None:
    headers = {"Origin": tram_server.url, "Cookie": cookie}
    client = await SocketClient.open(tram_server.ws_url, headers, ready=False)
    assert await client.wait_closed() == 4401
    await client.close()


async def test_a_program_comes_in_with_its_key_and_no_origin(tram_server: TramServer) -> None:
    key = tram_server.manage("createapikey", "alice", "--name", "bot").strip().splitlines()[-1]
    headers = {"Authorization": f"Bearer {key}"}
    async with await SocketClient.open(tram_server.ws_url, headers) as bot:
        accepted = await bot.chat("Say something short", model="gpt-4.1")
        assert (await bot.done(accepted["turn"]))["state"] == "completed"


async def test_a_wrong_key_is_not_made_good_by_a_cookie(
    tram_server: TramServer, signed_in: SignedIn
) -> None:
    headers = tram_server.socket_headers(signed_in("alice"))
    headers["Authorization"] = "Bearer tram_nobody_nothing"
    client = await SocketClient.open(tram_server.ws_url, headers, ready=False)
    assert await client.wait_closed() == 4401
    await client.close()


async def test_another_subprotocol_is_closed_with_4409(
    tram_server: TramServer, signed_in: SignedIn
) -> None:
    headers = tram_server.socket_headers(signed_in("alice"))
    connection = await websockets.connect(
        tram_server.ws_url,
        additional_headers={"Cookie": headers["Cookie"]},
        origin=headers["Origin"],  # type: ignore[arg-type]
        proxy=None,
    )
    # Offering none at all is fine.
    await connection.recv()
    await connection.close()
    other = await websockets.connect(
        tram_server.ws_url,
        additional_headers={"Cookie": headers["Cookie"]},
        origin=headers["Origin"],  # type: ignore[arg-type]
        subprotocols=["graphql-ws"],  # type: ignore[list-item]
        proxy=None,
    )
    await other.wait_closed()
    assert other.close_code == 4409


async def test_an_eleventh_socket_of_one_person_is_closed_with_4429(
    open_socket: OpenSocket, tram_server: TramServer, signed_in: SignedIn
) -> None:
    for _ in range(10):
        await open_socket("bob")
    eleventh = await open_socket("bob", ready=False)
    assert await eleventh.wait_closed() == 4429
    await open_socket("alice")


async def test_signing_out_closes_the_sockets_of_that_session_only(
    tram_server: TramServer,
) -> None:
    charlie = tram_server.sign_in
    with closing(charlie("charlie")) as here, closing(charlie("charlie")) as there:
        mine = await SocketClient.open(tram_server.ws_url, tram_server.socket_headers(here))
        other = await SocketClient.open(tram_server.ws_url, tram_server.socket_headers(there))
        assert here.post("/accounts/logout/").status_code == 302
        assert await mine.wait_closed() == 4401
        await mine.close()
        after = len(other.frames)
        await other.send(type="ping")
        await other.wait_for(lambda frame: frame["type"] == "pong", after=after)
        await other.close()


async def test_a_flood_is_refused_and_then_closed(open_socket: OpenSocket) -> None:
    alice = await open_socket("alice", acks=False)
    for _ in range(60):
        await alice.send(type="ping")
    refused = await alice.wait_for(lambda frame: frame["type"] == "error")
    assert refused["code"] == "rate_limited"
    assert refused["retry_after_seconds"] > 0
    try:
        for _ in range(3000):
            await alice.send(type="ping")
    except websockets.ConnectionClosed:
        pass
    assert await alice.wait_closed() == 4429
