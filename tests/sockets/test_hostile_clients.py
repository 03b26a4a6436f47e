"""Fault rows 23 and 56: clients that do not read, flood, lie about what they got, or open
connections and say nothing. Whoever attacks is closed; the others notice nothing."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import websockets

from tests.servers import TramServer
from tests.socket_client import SocketClient
from tests.sockets import raw
from tests.sockets.conftest import OpenSocket, SignedIn
from tests.sockets.ended import TOKEN, ended

WINDOW_BYTES = 4096
LIMITS = {
    "METRICS_TOKEN": TOKEN,
    "ACK_WINDOW_BYTES": str(WINDOW_BYTES),
    "ACK_TIMEOUT_SECONDS": "2",
    "REQUEST_TIMEOUT_SECONDS": "2",
    "MAX_CONNECTIONS_PER_ADDRESS": "40",
    "MAX_WATCHED_CONVERSATIONS": "3",
    # What one client may do to the others is asked here, not how soon it is refused.
    "FRAMES_PER_SECOND": "1000000",
    "FRAMES_BURST": "1000000",
}


@pytest.fixture(scope="module")
def tram_server(
    server_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TramServer]:
    """The site with small bounds, and a relay that answers at once."""
    folder = tmp_path_factory.mktemp("tram")
    options = ("--tokens-per-second", "400", "--first-token-seconds", "0.01")
    with TramServer(folder, server_template, LIMITS, relay_options=options) as server:
        yield server


@pytest.fixture
async def healthy(open_socket: OpenSocket) -> AsyncIterator[SocketClient]:
    """Bob, who must notice nothing: at the end of each test he is answered."""
    bob = await open_socket("bob")
    yield bob
    said = len(bob.frames)
    await bob.send(type="ping")
    await bob.wait_for(lambda frame: frame["type"] == "pong", after=said)


async def short_answer(client: SocketClient) -> dict[str, str]:
    """Ask for a short answer and see it end."""
    accepted = await client.chat("Say something short", model="gpt-4.1")
    done = await client.done(accepted["turn"])
    assert done["state"] == "completed"
    return accepted


async def watched(client: SocketClient, conversation: str) -> None:
    """Attach, and see it done."""
    said = len(client.frames)
    await client.send(type="attach", conversation=conversation)
    await client.wait_for(lambda frame: frame["type"] == "attached", after=said)


async def test_who_never_reads_is_closed_and_finds_the_whole_answer_later(
    healthy: SocketClient, tram_server: TramServer, signed_in: SignedIn, open_socket: OpenSocket
) -> None:
    headers = tram_server.socket_headers(signed_in("alice"))
    async with await raw.upgrade(tram_server.url, headers) as mute:
        accepted = await healthy.chat("Write something long", model="gpt-4.1")
        turn, conversation = accepted["turn"], accepted["conversation"]
        await mute.send(raw.frame(type="attach", conversation=conversation))
        assert (await healthy.done(turn))["state"] == "completed"
        heard = await mute.closed()
    assert raw.close_code(heard) == 4408
    sizes = [len(text) for _, text in raw.frames_in(heard) if b'"chunk"' in text]
    # What was on its way when the window was full, and no more.
    assert sum(sizes[:-1]) < WINDOW_BYTES
    again = await open_socket("alice")
    await again.send(type="attach", conversation=conversation, turn=turn, epoch=1, after=len(sizes))
    assert (await again.done(turn))["state"] == "completed"
    assert again.turns[turn].content == healthy.turns[turn].content


@pytest.mark.parametrize("lie", ["what was never sent", "nothing new"])
async def test_an_ack_that_is_not_true_gives_no_more_room(
    healthy: SocketClient, open_socket: OpenSocket, lie: str
) -> None:
    alice = await open_socket("alice", acks=False)
    accepted = await alice.chat("Write something long", model="gpt-4.1")
    seq = 1_000_000 if lie == "what was never sent" else 0

    async def lie_on() -> None:
        while True:
            await alice.send(type="ack", turn=accepted["turn"], seq=seq)
            await asyncio.sleep(0.05)

    with pytest.raises(websockets.ConnectionClosed):
        await lie_on()
    assert await alice.wait_closed() == 4408
    chunks = [frame for frame in alice.frames if frame["type"] in ("chunk", "snapshot")]
    assert sum(len(str(chunk)) for chunk in chunks[:-1]) < 2 * WINDOW_BYTES
    assert not [frame for frame in alice.frames if frame["type"] == "error"]


async def test_who_asks_and_never_reads_the_answers_is_cut_off(
    healthy: SocketClient, tram_server: TramServer, signed_in: SignedIn
) -> None:
    accepted = await healthy.chat("Write something long", model="gpt-4.1")
    await healthy.done(accepted["turn"])
    before = ended(tram_server, "not_read")
    headers = tram_server.socket_headers(signed_in("alice"))
    question = raw.frame(
        type="attach", conversation=accepted["conversation"], turn=accepted["turn"]
    )
    async with await raw.upgrade(tram_server.url, headers) as mute:

        async def ask_on() -> None:
            while True:
                await mute.send(10 * question)
                await asyncio.sleep(0.05)

        with pytest.raises(ConnectionError):
            async with asyncio.timeout(60):
                await ask_on()
        heard = await mute.closed()
    # Cut off while nothing went out, or closed when a little did, as the system's buffers are.
    assert ended(tram_server, "not_read") - before in (0, 1)
    assert len(heard) < 65_536


async def test_a_frame_beyond_all_measure_costs_the_socket(
    healthy: SocketClient, open_socket: OpenSocket
) -> None:
    alice = await open_socket("alice")
    await alice.send_raw("x" * 1_100_000)
    assert await alice.wait_closed() in (1006, 1009)


async def test_connections_that_say_nothing_are_closed(
    healthy: SocketClient, tram_server: TramServer
) -> None:
    before = ended(tram_server, "too_slow")
    for connection in [await raw.RawConnection.open(tram_server.url) for _ in range(10)]:
        async with connection:
            assert await connection.closed() == b""
    assert ended(tram_server, "too_slow") == before + 10


@pytest.mark.parametrize("what", ["the upgrade", "a body"])
async def test_a_request_that_trickles_is_closed_however_often_it_says_something(
    healthy: SocketClient, tram_server: TramServer, what: str
) -> None:
    request = raw.upgrade_request(tram_server.url, {})
    if what == "a body":
        request = (
            b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\n"
        )
    before = ended(tram_server, "too_slow")
    async with await raw.RawConnection.open(tram_server.url) as connection:
        begun = len(request) if what == "a body" else 20
        await connection.send(request[:begun])

        async def trickle() -> None:
            for byte in request[begun:] or b"x" * 999:
                await connection.send(bytes([byte]))
                await asyncio.sleep(0.1)

        with pytest.raises(ConnectionError):
            await trickle()
    assert ended(tram_server, "too_slow") == before + 1


async def test_one_address_has_only_so_many_connections_and_gets_them_back(
    healthy: SocketClient, tram_server: TramServer, open_socket: OpenSocket
) -> None:
    before = ended(tram_server, "too_many")
    silent = [await raw.RawConnection.open(tram_server.url) for _ in range(60)]
    at_once = 0
    for connection in silent:
        try:
            async with asyncio.timeout(0.05):
                at_once += await connection.read() == b""
        except TimeoutError:
            continue
    assert at_once >= 20
    for connection in silent:
        connection.socket.close()
    assert ended(tram_server, "too_many") - before >= 20
    await open_socket("alice")


async def test_whatever_a_client_says_it_holds_it_gets_the_answer_whole(
    healthy: SocketClient, open_socket: OpenSocket
) -> None:
    alice = await open_socket("alice")
    accepted = await healthy.chat("Write something long", model="gpt-4.1")
    turn, conversation = accepted["turn"], accepted["conversation"]
    await healthy.first_text(turn)
    for claim in ({"epoch": 99, "after": 1}, {"epoch": 1, "after": 1_000_000}):
        said = len(alice.frames)
        await alice.send(type="attach", conversation=conversation, turn=turn, **claim)
        await alice.wait_for(lambda frame: frame["type"] == "snapshot", after=said)
    assert (await alice.done(turn))["state"] == "completed"
    assert alice.turns[turn].content == healthy.turns[turn].content


async def test_a_turn_one_may_not_see_is_not_found_wherever_it_is_looked_for(
    healthy: SocketClient, open_socket: OpenSocket
) -> None:
    charlie = await open_socket("charlie")
    own = (await short_answer(charlie))["conversation"]
    running = await healthy.chat("Write something long", model="gpt-4.1")
    await healthy.first_text(running["turn"])
    answers = set()
    for conversation in (running["conversation"], own):
        for turn in (running["turn"], str(uuid.uuid4())):
            said = len(charlie.frames)
            await charlie.send(type="attach", conversation=conversation, turn=turn, after=0)
            error = await charlie.wait_for(lambda frame: frame["type"] == "error", after=said)
            answers.add((error["code"], error["message"]))
    assert {code for code, _ in answers} == {"not_found"}
    assert len(answers) == 1
    assert not [
        frame
        for frame in charlie.frames
        if frame.get("turn") == running["turn"] and frame["type"] != "error"
    ]
    await healthy.done(running["turn"])


async def test_a_socket_watches_only_so_many_conversations(
    healthy: SocketClient, open_socket: OpenSocket
) -> None:
    alice = await open_socket("alice")
    conversations = [(await short_answer(healthy))["conversation"] for _ in range(4)]
    for conversation in conversations[:3]:
        await watched(alice, conversation)
    await alice.send(type="attach", conversation=conversations[3])
    error = await alice.wait_for(lambda frame: frame["type"] == "error")
    assert error["code"] == "rate_limited"
    assert error["detail"] == {"limit": "watched_conversations", "maximum": 3}
    # Whoever asks sees the answer; a quiet conversation makes room.
    await short_answer(alice)
    await alice.send(type="detach", conversation=conversations[2])
    await watched(alice, conversations[3])
