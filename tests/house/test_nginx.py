"""The example for nginx does what the doors for programs need, with a real nginx."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import websockets.sync.client as websockets
from websockets.typing import Subprotocol

from tests.conftest import lacking
from tests.house.nginx import Nginx, nginx_program
from tests.openai.program import PATH, make_key, question
from tests.servers import TramServer

SLOW = ("--tokens-per-second", "60", "--first-token-seconds", "0.01")
LONG = "Write a long story about a tram"
NGINX_STARTS_SECONDS = 10
ENDS_SECONDS = 15
MORE_THAN_NGINX_TAKES_BYTES = 1_500_000
MORE_THAN_TRAM_TAKES_BYTES = 8_500_000


@pytest.fixture(scope="module")
def site(server_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TramServer]:
    if nginx_program() is None:
        lacking("nginx (NGINX names its program)")
    folder = tmp_path_factory.mktemp("behind")
    env = {"BEHIND_PROXY": "true"}
    with TramServer(folder, server_template, env, relay_options=SLOW) as server:
        yield server


@pytest.fixture(scope="module")
def nginx(site: TramServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    program = nginx_program()
    assert program is not None
    with Nginx(program, site, tmp_path_factory.mktemp("nginx")) as running:
        deadline = time.monotonic() + NGINX_STARTS_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", running.port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, running.log
                time.sleep(0.05)
        yield running


@pytest.fixture(scope="module")
def key(site: TramServer) -> str:
    return make_key(site, "alice")


@pytest.fixture
def program(nginx: Nginx, key: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=nginx.url, headers=headers, timeout=30, trust_env=False) as client:
        yield client


def state_of(site: TramServer, turn: str) -> str:
    rows = site.rows("SELECT state FROM chat_turn WHERE id = ?", UUID(turn).hex)
    return str(rows[0][0])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PATH, question(LONG, stream=True)),
        ("/api/chat/stream?detach=stop", {"message": LONG, "model": "gpt-4.1"}),
    ],
)
def test_a_stream_comes_piece_by_piece_and_ends_with_its_client(
    program: httpx.Client, site: TramServer, path: str, body: dict[str, object]
) -> None:
    with program.stream("POST", path, json=body) as answer:
        assert answer.status_code == 200
        lines = answer.iter_lines()
        came = [next(lines) for _ in range(9)]
        turn = answer.headers["x-request-id"]
        # The answer takes seconds; buffered, all of it would come at its end.
        assert state_of(site, turn) == "running"
    assert any(line.startswith("data: {") for line in came)
    deadline = time.monotonic() + ENDS_SECONDS
    while state_of(site, turn) == "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert state_of(site, turn) == "interrupted"


def test_the_same_address_is_a_post_and_a_websocket(
    program: httpx.Client, nginx: Nginx, key: str
) -> None:
    whole = program.post(PATH, json=question("Say something short"))
    assert whole.json()["object"] == "chat.completion"
    url = nginx.url.replace("http", "ws") + PATH
    headers = {"Authorization": f"Bearer {key}"}
    with websockets.connect(url, additional_headers=headers, proxy=None) as client:
        client.send(json.dumps(question("Say something short")))
        first = json.loads(client.recv(timeout=ENDS_SECONDS))
    assert first["object"] == "chat.completion.chunk"


def test_the_browser_socket_passes(nginx: Nginx, key: str) -> None:
    url = nginx.url.replace("http", "ws") + "/ws/chat/"
    headers = {"Authorization": f"Bearer {key}"}
    spoken = [Subprotocol("tram.v1")]
    with websockets.connect(
        url, additional_headers=headers, subprotocols=spoken, proxy=None
    ) as client:
        assert json.loads(client.recv(timeout=ENDS_SECONDS))["type"] == "ready"


def test_a_long_body_is_judged_by_the_site(program: httpx.Client) -> None:
    long = program.post(PATH, json=question("a" * MORE_THAN_NGINX_TAKES_BYTES, wings=2))
    assert long.json()["error"]["code"] == "unknown_parameter"
    longer = program.post(
        PATH, content=b" " * 8_500_000, headers={"Content-Type": "application/json"}
    )
    assert longer.status_code == 413
    assert longer.json()["error"]["code"] == "request_too_large"


def test_a_connection_serves_several_requests(program: httpx.Client) -> None:
    for _ in range(3):
        assert program.get("/v1/models").status_code == 200
