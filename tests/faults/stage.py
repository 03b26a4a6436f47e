"""A server whose relay misbehaves on request, and Alice, who asks it things."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec

from chat.relay.demo.record import RequestRecord
from tests.faults.evidence import Evidence, stored
from tests.faults.table import FIRST_BYTE_SECONDS, IDLE_SECONDS, MAX_ANSWER_BYTES, PROMPT
from tests.processes import ROOT
from tests.servers import TramServer
from tests.socket_client import Frame, SeenTurn, SocketClient

CANARY_KEY = "hs_canary_of_faults_4d1c9e"
TRANSPORTS = ("sse", "websocket")
END_SECONDS = 45.0
_LOG = msgspec.json.Decoder(dict[str, list[dict[str, Any]]])


class TimedClient(SocketClient):
    """Notes when each frame came."""

    async def _take(self, frame: Frame) -> None:
        frame["seen_ns"] = time.monotonic_ns()
        await super()._take(frame)


def faulty_server(
    folder: Path, template: Path, transport: str, env: Mapping[str, str] | None = None
) -> TramServer:
    """A server over this transport, patient as the table says, with a price for every fault."""
    server = TramServer(
        folder,
        template,
        {
            "EMBEDDED_RELAY_KEY": CANARY_KEY,
            "RELAY_TRANSPORT": transport,
            "RELAY_IDLE_TIMEOUT_SECONDS": str(IDLE_SECONDS),
            "RELAY_FIRST_BYTE_TIMEOUT_SECONDS": str(FIRST_BYTE_SECONDS),
            "RELAY_MAX_ANSWER_BYTES": str(MAX_ANSWER_BYTES),
            "MAX_REQUESTS_PER_MINUTE": "100000",
            "MAX_TURNS_PER_PERSON": "1000",
            "FRAMES_PER_SECOND": "10000",
            "FRAMES_BURST": "10000",
            **(env or {}),
        },
        relay_options=(
            *("--faults", "--tokens-per-second", "0", "--first-token-seconds", "0"),
            *("--key", CANARY_KEY),
        ),
    )
    subprocess.run(
        [sys.executable, "-m", "tests.faults.prices"], cwd=ROOT, env=server.env, check=True
    )
    return server


@dataclass
class Stage:
    """A running server and Alice's socket."""

    server: TramServer
    alice: TimedClient
    relay: httpx.AsyncClient

    async def ask(self, model: str, prompt: str = PROMPT, *, max_tokens: int = 2048) -> Frame:
        """Send a message; gives `accepted`."""
        asked_ns = time.monotonic_ns()
        accepted = await self.alice.chat(prompt, model=model, options={"max_tokens": max_tokens})
        assert accepted["type"] == "accepted", accepted
        return accepted | {"asked_ns": asked_ns}

    async def witness(self, accepted: Frame, prompt: str = PROMPT, after: int = 0) -> Evidence:
        """Wait for the end of a turn, then hear all witnesses; `after` requests of the relay's log
        were others'."""
        turn_id = accepted["turn"]
        done = await self.alice.wait_for(
            lambda frame: frame["type"] == "done" and frame["turn"] == turn_id, seconds=END_SECONDS
        )
        requests = await self.requests(accepted["model"], after)
        return Evidence(
            prompt=prompt,
            model=accepted["model"],
            asked_ns=accepted["asked_ns"],
            done_ns=done["seen_ns"],
            frames=[
                frame
                for frame in self.alice.frames
                if frame.get("turn") == turn_id
                and frame["type"] in ("chunk", "snapshot", "notice", "done", "error")
            ],
            seen=self.alice.turns.get(turn_id, SeenTurn()),
            requests=requests,
            **await asyncio.to_thread(stored, self.server.data_dir, turn_id),
        )

    async def log(self) -> list[RequestRecord]:
        """The relay's log, oldest first."""
        answer = await self.relay.get("/demo/log")
        found = []
        for fields in _LOG.decode(answer.content)["requests"]:
            fields.pop("cost_nano_usd")
            found.append(RequestRecord(**fields))
        return found

    async def requests(self, model: str, after: int = 0) -> list[RequestRecord]:
        """The relay's requests for a model, once all of them have ended."""
        async with asyncio.timeout(10):
            while True:
                found = [each for each in (await self.log())[after:] if each.model == model]
                if all(each.state != "open" and each.ended_monotonic_ns for each in found):
                    return found
                await asyncio.sleep(0.05)

    async def queue(self, script: Any, times: int = 1) -> None:
        """Let the relay's next requests go like this."""
        answer = await self.relay.post("/demo/queue", json={"script": script, "times": times})
        answer.raise_for_status()


@asynccontextmanager
async def on_stage(server: TramServer) -> AsyncIterator[Stage]:
    """Sign Alice in to a running server."""
    with closing(server.sign_in("alice")) as signed_in:
        headers = server.socket_headers(signed_in)
    address = f"http://127.0.0.1:{server.relay_port}"
    async with (
        await TimedClient.open(server.ws_url, headers) as alice,
        httpx.AsyncClient(base_url=address, trust_env=False, timeout=20) as relay,
    ):
        yield Stage(server, alice, relay)
