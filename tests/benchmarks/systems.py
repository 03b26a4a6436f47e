"""What is measured: the product, and the plain consumer, each as a process on the server's core."""

import json
import re
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, Self

import httpx
import msgspec

from tests.benchmarks.client import BenchSocket
from tests.benchmarks.machine import pinned
from tests.benchmarks.relay import MODEL, Order, Seen
from tests.processes import ROOT, Child, free_port, wait_for_port
from tests.servers import TramServer, make_template, server_environment

PEOPLE = 20
# The text of a token, a number and a time, counts about ten tokens; twice that leaves room.
MAX_TOKENS_PER_TOKEN = 20
LOG = msgspec.json.Decoder(dict[str, Seen])
# One person stands for many, so whatever bounds a single one is out of the way.
RAISED_LIMITS = {
    "MAX_TURNS_PER_PERSON": "100000",
    "MAX_TURNS_PER_API_KEY": "100000",
    "MAX_TURNS_PER_PROCESS": "100000",
    "MAX_SOCKETS_PER_PERSON": "100000",
    "MAX_SOCKETS_PER_ADDRESS": "100000",
    "MAX_CONNECTIONS_PER_ADDRESS": "100000",
    "MAX_REQUESTS_PER_MINUTE": "0",
    "FRAMES_PER_SECOND": "1000",
    "FRAMES_BURST": "1000",
    "LOG_LEVEL": "WARNING",
}
_TURN = re.compile(rb'"turn":"([^"]+)"')


class BenchRelay:
    """The relay, in a process of its own on the load's core."""

    def __init__(self, folder: Path, core: int) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._core = core
        self._child = Child(
            "-m",
            "tests.benchmarks.relay",
            "--port",
            str(self.port),
            env=server_environment(folder),
            log=folder / "relay.log",
        )

    def __enter__(self) -> Self:
        with pinned(self._core):
            self._child.start()
        wait_for_port(self._child, self.port)
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()

    @property
    def pid(self) -> int:
        return self._child.pid

    def log(self) -> dict[str, Seen]:
        """What the relay saw of each request, by its key."""
        with httpx.Client(trust_env=False, timeout=20) as client:
            return LOG.decode(client.get(f"http://127.0.0.1:{self.port}/log").content)


class System(Protocol):
    """A server under test, and how a client talks to it."""

    name: str
    # In the frame that comes after the last token.
    done_marker: bytes

    @property
    def pid(self) -> int: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    async def open(self, number: int) -> BenchSocket:
        """Open the `number`th socket."""
        ...

    def ask(self, order: Order) -> bytes:
        """What asks for an answer on an open socket."""
        ...

    async def begun(self, socket: BenchSocket) -> None:
        """Wait until the server has taken the message on."""
        ...

    def interrupt(self, socket: BenchSocket) -> None:
        """Stop what the socket asked for."""
        ...


class Tram:
    """The product: journal, ledger, admission, policy, resume, all on."""

    name = "Tram"
    done_marker = b'"type":"done"'

    def __init__(self, folder: Path, core: int, relay: BenchRelay) -> None:
        env = {**RAISED_LIMITS, "EMBEDDED_RELAYS": f"bench={relay.url}"}
        self._server = TramServer(
            folder / "tram", make_template(folder / "template"), env, relay=False
        )
        self._core = core
        self.port = int(self._server.env["PORT"])
        self.keys: list[str] = []

    def __enter__(self) -> Self:
        self.keys += _make_people(self._server.env)
        with pinned(self._core):
            self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    @property
    def pid(self) -> int:
        return self._server.pid

    async def open(self, number: int) -> BenchSocket:
        headers = {
            "Authorization": f"Bearer {self.keys[number % len(self.keys)]}",
            "Sec-WebSocket-Protocol": "tram.v1",
        }
        return await BenchSocket.open(self.port, "/ws/chat/", headers, b'"type":"ready"')

    def ask(self, order: Order) -> bytes:
        return chat_frame(order)

    async def begun(self, socket: BenchSocket) -> None:
        answer = await socket.wait_for(b'"id":')
        found = _TURN.search(answer)
        if found is None:
            raise RuntimeError(f"not accepted: {answer!r}")
        socket.turn = found[1]

    def interrupt(self, socket: BenchSocket) -> None:
        assert socket.turn is not None
        socket.send(b'{"type":"interrupt","turn":"%b"}' % socket.turn)


class Plain:
    """The plain consumer under the daphne command."""

    name = "plain consumer"
    done_marker = b'"type": "done"'

    def __init__(self, folder: Path, core: int, relay: BenchRelay) -> None:
        self._port = free_port()
        self._core = core
        self._child = Child(
            "-m",
            "daphne",
            "--verbosity",
            "0",
            "-b",
            "127.0.0.1",
            "-p",
            str(self._port),
            "tests.benchmarks.plain.asgi:application",
            env={**server_environment(folder), "RELAY_URL": relay.url},
            log=folder / "plain.log",
        )

    def __enter__(self) -> Self:
        with pinned(self._core):
            self._child.start()
        wait_for_port(self._child, self._port)
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()

    @property
    def pid(self) -> int:
        return self._child.pid

    async def open(self, number: int) -> BenchSocket:
        return await BenchSocket.open(self._port, "/ws/chat/", {}, b"")

    def ask(self, order: Order) -> bytes:
        return chat_frame(order)

    async def begun(self, socket: BenchSocket) -> None:
        """It acknowledges nothing."""

    def interrupt(self, socket: BenchSocket) -> None:
        socket.send(b'{"type":"interrupt"}')


def new_order(tokens: int, tokens_per_second: int = 50, *, silent: bool = False) -> Order:
    """An answer to ask for, with a key of its own in the relay's log."""
    return Order(str(uuid.uuid4()), tokens, tokens_per_second, silent)


def chat_frame(order: Order) -> bytes:
    """The socket's message that asks for an answer."""
    frame = {
        "type": "chat",
        "id": order.key,
        "model": MODEL,
        "content": msgspec.json.encode(order).decode(),
        "options": {"max_tokens": max_tokens(order)},
    }
    return json.dumps(frame).encode()


def max_tokens(order: Order) -> int:
    """A bound on the answer that it does not reach."""
    return min(1_000_000, MAX_TOKENS_PER_TOKEN * order.tokens)


def _make_people(env: Mapping[str, str]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.people", str(PEOPLE)],
        cwd=ROOT,
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done.stdout.split()
