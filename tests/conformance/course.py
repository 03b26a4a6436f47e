"""The course: one server, every scenario at an address of its own, and a client that takes all."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import websockets

from tests.conformance import scenarios  # noqa: F401  (fills SCENARIOS)
from tests.conformance.peer import Peer
from tests.conformance.scenario import SCENARIOS, STOP_AFTER_CHARACTERS

PATIENCE_SECONDS = 20.0
QUIET_SECONDS = 0.5
KEY = "tram_conformance"
Trial = dict[str, Any]
Client = Callable[[list[Trial]], Awaitable[Mapping[str, Any]]]


class Course:
    """Where the clients' connections of each scenario arrive."""

    def __init__(self) -> None:
        self._arrived: dict[str, asyncio.Queue[Peer]] = {
            name: asyncio.Queue() for name in SCENARIOS
        }

    async def serve(self, connection: websockets.ServerConnection) -> None:
        """Take a connection, until it is closed."""
        assert connection.request is not None
        assert connection.subprotocol == "tram.v1"
        name = connection.request.path.removesuffix("/ws/chat/").removeprefix("/")
        await self._arrived[name].put(Peer(connection))
        await connection.wait_closed()

    async def play(self, name: str) -> None:
        """Play a scenario. Afterwards the client must not have come again."""
        arrived = self._arrived[name]

        async def next_peer() -> Peer:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await arrived.get()

        await SCENARIOS[name].play(next_peer)
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                await arrived.get()
        except TimeoutError:
            return
        raise AssertionError("the client came back when all was over")


@asynccontextmanager
async def opened() -> AsyncGenerator[tuple[Course, list[Trial]]]:
    """Serve the course; gives also what a client is told: a list of trials, each with a `name`,
    the `url` of the socket, a `key`, and the characters after which to `stop`, or null."""
    course = Course()
    offered: Any = ["tram.v1"]
    async with websockets.serve(course.serve, "127.0.0.1", 0, subprotocols=offered) as server:
        port = server.sockets[0].getsockname()[1]
        yield (
            course,
            [
                {
                    "name": name,
                    "url": f"ws://127.0.0.1:{port}/{name}/ws/chat/",
                    "key": KEY,
                    "stop": STOP_AFTER_CHARACTERS if scenario.stops else None,
                }
                for name, scenario in SCENARIOS.items()
            ],
        )


async def take(client: Client) -> dict[str, str]:
    """Let a client take all of it; gives what it did wrong, by scenario.

    The client is told of the trials and gives for each `{"text": …, "end": …}`: what it held in the
    end, and the state of the answer, or the code of the refusal or of the close.
    """
    async with opened() as (course, trials):
        playing = {name: asyncio.create_task(course.play(name)) for name in SCENARIOS}
        results: Mapping[str, Any] = {}
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                results = await client(trials)
                await asyncio.wait(playing.values())
        except TimeoutError:
            # Whoever is not through by now has lost; what went wrong is told below.
            pass
        finally:
            for task in playing.values():
                task.cancel()
            await asyncio.wait(playing.values())
    wrong = {}
    for name, task in playing.items():
        told = _fault(name, task, results.get(name))
        if told:
            wrong[name] = told
    return wrong


def _fault(name: str, task: "asyncio.Task[None]", result: Any) -> str:
    if task.cancelled():
        return "it did not come to the end"
    if (error := task.exception()) is not None:
        return f"{type(error).__name__}: {error}"
    scenario = SCENARIOS[name]
    wanted = {"text": scenario.text, "end": scenario.end}
    if scenario.text is None and result is not None:
        wanted["text"] = result["text"]
    return (
        ""
        if result == wanted
        else f"{json.dumps(wanted)} expected, and it gave {json.dumps(result)}"
    )
