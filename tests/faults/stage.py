"""A server whose relays misbehave on request, and Alice, who asks it things."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from chat.relay.demo.faults import FAULT_PREFIX
from chat.relay.demo.record import RequestRecord
from tests.faults.evidence import Evidence, stored
from tests.faults.relays import FaultyRelays
from tests.faults.table import FIRST_BYTE_SECONDS, IDLE_SECONDS, MAX_ANSWER_BYTES, PROMPT
from tests.processes import ROOT
from tests.servers import TramServer, server_environment
from tests.socket_client import Frame, SeenTurn, SocketClient

CANARY_KEY = "hs_canary_of_faults_4d1c9e"
TRANSPORTS = ("sse", "websocket")
END_SECONDS = 45.0
OF_A_TURN = ("chunk", "snapshot", "notice", "done", "error")


class TimedClient(SocketClient):
    """Notes when each frame came."""

    async def _take(self, frame: Frame) -> None:
        seen_ns = time.monotonic_ns()
        await super()._take(frame)
        frame["seen_ns"] = seen_ns


def faulty_server(
    folder: Path,
    template: Path,
    transport: str,
    relays: str,
    env: Mapping[str, str] | None = None,
) -> TramServer:
    """A server over this transport, patient as the table says; `template` has a price for every
    fault, `relays` is as its environment takes them."""
    return TramServer(
        folder,
        template,
        {
            "EMBEDDED_RELAYS": relays,
            "EMBEDDED_RELAY_KEY": CANARY_KEY,
            "RELAY_TRANSPORT": transport,
            "RELAY_IDLE_TIMEOUT_SECONDS": str(IDLE_SECONDS),
            "RELAY_FIRST_BYTE_TIMEOUT_SECONDS": str(FIRST_BYTE_SECONDS),
            "RELAY_MAX_ANSWER_BYTES": str(MAX_ANSWER_BYTES),
            "RELAY_MODELS_TTL_SECONDS": "3600",
            "MAX_TURNS_PER_PERSON": "1000",
            "FRAMES_PER_SECOND": "10000",
            "FRAMES_BURST": "10000",
            **(env or {}),
        },
        relay=False,
    )


def add_prices(template: Path, folder: Path) -> None:
    """Leave a copy of a prepared database in `folder`, with a price for every fault, and credit."""
    copy = folder / template.name
    shutil.copyfile(template, copy)
    prices = [sys.executable, "-m", "tests.faults.prices"]
    subprocess.run(prices, cwd=ROOT, env=server_environment(folder), check=True)
    with closing(sqlite3.connect(copy)) as connection:
        # Everything into the one file that is copied.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@dataclass
class Stage:
    """A running server, Alice's socket, and a way to the relays' own logs."""

    server: TramServer
    relays: FaultyRelays
    alice: TimedClient
    http: httpx.AsyncClient

    async def ask(self, model: str, prompt: str = PROMPT, *, max_tokens: int = 2048) -> Frame:
        """Send a message; gives `accepted`, with the time of the send."""
        asked_ns = time.monotonic_ns()
        accepted = await self.alice.chat(prompt, model=model, options={"max_tokens": max_tokens})
        assert accepted["type"] == "accepted", accepted
        return accepted | {"asked_ns": asked_ns}

    async def witness(self, accepted: Frame, prompt: str = PROMPT, *, after: int = 0) -> Evidence:
        """Wait for the end of a turn, then hear all witnesses; the first `after` requests in the
        relay's log belong to others."""
        turn_id, model = accepted["turn"], accepted["model"]
        done = await self.alice.wait_for(
            lambda frame: frame["type"] == "done" and frame["turn"] == turn_id, seconds=END_SECONDS
        )
        frames = [
            frame
            for frame in self.alice.frames
            if frame.get("turn") == turn_id and frame["type"] in OF_A_TURN
        ]
        return Evidence(
            prompt=prompt,
            model=model,
            asked_ns=accepted["asked_ns"],
            done_ns=done["seen_ns"],
            frames=frames,
            seen=self.alice.turns.get(turn_id, SeenTurn()),
            requests=await self.ended_requests(model, after),
            **await asyncio.to_thread(stored, self.server.data_dir, turn_id),
        )

    async def requests(self, model: str) -> list[RequestRecord]:
        """What the model's relay has in its log, oldest first."""
        answer = await self.http.get(f"{self._inside(model)}/log")
        found: list[dict[str, Any]] = answer.json()["requests"]
        return [
            RequestRecord(**{name: each[name] for name in each if name != "cost_nano_usd"})
            for each in found
        ]

    async def ended_requests(self, model: str, after: int = 0) -> list[RequestRecord]:
        """Those behind the first `after`, once the relay has seen the end of all of them."""
        async with asyncio.timeout(10):
            while True:
                found = (await self.requests(model))[after:]
                if all(each.ended_monotonic_ns is not None for each in found):
                    return found
                await asyncio.sleep(0.05)

    async def queue(self, model: str, acts: list[dict[str, Any]], times: int) -> None:
        """Let the next requests to the model's relay go like this."""
        script = {"script": acts, "times": times}
        answer = await self.http.post(f"{self._inside(model)}/queue", json=script)
        answer.raise_for_status()

    def _inside(self, model: str) -> str:
        address = self.relays.addresses[model.removeprefix(FAULT_PREFIX)]
        return address.removesuffix("/v1") + "/demo"


@asynccontextmanager
async def on_stage(server: TramServer, relays: FaultyRelays) -> AsyncIterator[Stage]:
    """Sign Alice in to a running server that knows what its relays offer."""
    with closing(server.sign_in("alice")) as signed_in:
        headers = server.socket_headers(signed_in)
        async with asyncio.timeout(20):
            while not await asyncio.to_thread(_all_offered, signed_in, relays):
                await asyncio.sleep(0.05)
    async with (
        await TimedClient.open(server.ws_url, headers) as alice,
        httpx.AsyncClient(trust_env=False, timeout=20) as http,
    ):
        yield Stage(server, relays, alice, http)


def _all_offered(signed_in: httpx.Client, relays: FaultyRelays) -> bool:
    listed = signed_in.get("/api/models").text
    return all(f'"{FAULT_PREFIX}{fault}"' in listed for fault in relays.addresses)
