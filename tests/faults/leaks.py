"""Thousands of turns through the engine and a real transport, three in ten interrupted: what is
left of them afterwards?

Run as ``python -m tests.faults.leaks --turns 10000 --transport websocket``. The relay is a process
of its own. Prints one JSON line; exits with status 1 when anything is left.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import sys
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any
from uuid import UUID

import django
import httpx
import msgspec
import psutil

from tests.faults.leftovers import STREAMS, Left, leaked
from tests.faults.waiting import until
from tests.processes import Child, free_port, wait_for_port
from tests.servers import RELAY_KEY, server_environment

AT_ONCE = 60
"""Turns at a time; the relay's key lets half of them through, the others wait in line."""
INTERRUPTED_SHARE = 0.3
WARM_UP_TURNS = 300
ANSWER = "bench-30x300"
"""Answers of 30 tokens in a tenth of a second; one in ten turns meets a fault instead."""
FAULTS = ("fault-reset", "fault-dropped", "fault-truncated", "fault-malformed-often", "fault-html")
KEPT_ALIVE_SECONDS = 60.0
"""Idle connections are kept for 15 s for the next request, and then looked for now and then."""


class Run:
    """An engine before one relay, and the turns that go through it."""

    def __init__(self, transport: str, relay: Child, port: int) -> None:
        from chat.relay.breaker import Breaker
        from chat.relay.client import RelayClient
        from chat.relay.routing import Router
        from chat.relay.settings import RelaySettings
        from chat.turns.engine import Engine
        from chat.turns.limits import gate_for
        from tests.turns.doubles import FAST, seams

        settings = RelaySettings(
            name="leaks",
            base_url=f"http://127.0.0.1:{port}/v1",
            api_key=RELAY_KEY,
            transport=transport,  # type: ignore[arg-type]
            concurrent_streams=STREAMS,
        )
        self.client = RelayClient(settings)
        self._gate = gate_for(settings)
        self._breaker = Breaker(failures_to_open=10**9)
        self._router = Router()
        self._relay, self._port = relay, port
        self._rng = random.Random(1)
        self.states: dict[str, int] = {}
        self.engine = Engine(
            seams(self, store=_NoStore(), records=_Ends(self.states)),
            FAST,
            node="leaks",
            beat_seconds=2.0,
            max_turns=10 * AT_ONCE,
        )

    async def stream(
        self, request: Any, claim: Any, go_on: Any = None
    ) -> AsyncGenerator[Any, None]:
        """The seam to the relay: the router over one route."""
        from chat.relay.routes import Route

        routes = (Route(self.client, request.model, self._gate, self._breaker),)
        async with aclosing(self._router.answer(request, routes, claim, go_on)) as events:
            async for event in events:
                yield event

    async def turns(self, count: int) -> None:
        """Run so many, a number of them at a time."""
        places = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                await places.acquire()
                group.create_task(self._turn(places))
        await until(lambda: not self.engine.running_ids())

    async def _turn(self, places: asyncio.Semaphore) -> None:
        from tests.turns.doubles import admitted

        model = self._rng.choice(FAULTS) if self._rng.random() < 0.1 else ANSWER
        turn = admitted(model=model, requester_id=self._rng.randrange(20))
        interrupted = self._rng.random() < INTERRUPTED_SHARE
        after_seconds = self._rng.choice((0.0, 0.01, 0.05, 0.1, 0.15)) * self._rng.random()
        try:
            await self.engine.admit(lambda: _now(turn), lambda _: None)
            if interrupted:
                await asyncio.sleep(after_seconds)
                self.engine.interrupt(turn.turn_id, 1)
            while turn.turn_id in self.engine.running_ids():
                await asyncio.sleep(0.02)
        finally:
            places.release()

    async def left(self) -> Left:
        """Look at what there is now."""
        gc.collect()
        async with httpx.AsyncClient(trust_env=False) as http:
            streams = (await http.get(f"http://127.0.0.1:{self._port}/demo/streams")).json()
        me, connections = psutil.Process(), self.connections()
        return Left(
            tasks=len(asyncio.all_tasks()),
            descriptors=me.num_fds() - connections,
            connections=connections,
            relay_streams=streams["open"],
            relay_descriptors=psutil.Process(self._relay.pid).num_fds() - connections,
            rss_mib=round(me.memory_info().rss / 2**20, 1),
        )

    def connections(self) -> int:
        """Connections of this process to the relay."""
        found = psutil.Process().net_connections("tcp")
        return sum(bool(each.raddr) and each.raddr.port == self._port for each in found)

    async def quiet(self) -> Left:
        """Wait until connections that were kept for the next request have run out."""
        await until(lambda: not self.connections(), KEPT_ALIVE_SECONDS, look_seconds=0.5)
        return await self.left()


class _NoStore:
    """Keeps no chunks: what the run itself stores must not look like a leak."""

    async def append(self, chunks: Sequence[Any]) -> frozenset[UUID]:
        await asyncio.sleep(0)
        return frozenset()

    async def aclose(self) -> None:
        pass


class _Ends:
    """Counts how turns ended."""

    def __init__(self, states: dict[str, int]) -> None:
        self._states = states

    async def end(self, end: Any) -> Any:
        from tests.turns.doubles import ended

        name = f"{end.state} {end.error_code}".strip()
        self._states[name] = self._states.get(name, 0) + 1
        return ended(end)

    async def beat(self, beat: Any) -> Any:
        from chat.services.leases import BeatAnswer

        return BeatAnswer(age_seconds=0.0)

    async def stored_end(self, turn_id: UUID) -> Any:
        return None

    async def orphans(self, lease_seconds: float) -> Sequence[UUID]:
        return []

    async def adopt(self, turn_id: UUID) -> Any:
        return None

    async def complete(self, end: Any) -> bool:
        return False

    async def release(self, node: str) -> None:
        return None


async def _now(turn: Any) -> Any:
    return turn


async def measure(
    transport: str, turns: int, relay: Child, port: int, *, patient: bool
) -> dict[str, Any]:
    """Warm up, look, run, look again; `patient` also sees the connections run out that are kept
    for the next request."""
    run = Run(transport, relay, port)
    run.engine.start()
    await run.turns(WARM_UP_TURNS)
    before = await run.left()
    run.states.clear()
    await run.turns(turns)
    at_once = await run.left()
    after = await run.quiet() if patient else at_once
    await run.engine.aclose()
    await run.client.aclose()
    return {
        "transport": transport,
        "turns": turns,
        "ends": run.states,
        "before": before,
        "after_the_last_turn": at_once,
        "after": after,
        "leaked": leaked(before, after),
    }


def main() -> int:
    """Start a relay, run, print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=10_000)
    parser.add_argument("--transport", choices=("sse", "websocket"), required=True)
    parser.add_argument("--patient", action="store_true", help="wait for idle connections to end")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tram-leaks-") as folder:
        port = free_port()
        relay = Child(
            *("-m", "chat.relay.demo", "--port", str(port), "--faults"),
            *("--tokens-per-second", "0", "--first-token-seconds", "0"),
            env=server_environment(Path(folder)),
            log=Path(folder) / "relay.log",
        )
        relay.start()
        try:
            wait_for_port(relay, port)
            found = asyncio.run(
                measure(options.transport, options.turns, relay, port, patient=options.patient)
            )
        finally:
            relay.kill()
    print(json.dumps(msgspec.to_builtins(found)))
    return int(bool(found["leaked"]))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    sys.exit(main())
