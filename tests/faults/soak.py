"""An embedded site under a hundred streams for an hour: what grows?

Run as ``python -m tests.faults.soak --minutes 60``. Prints one JSON line every five minutes, and a
last one with the slope of the memory; exits with status 1 when an answer was not as stored, or
something grew.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
import uuid
from collections import Counter
from pathlib import Path

import httpx
import msgspec
import psutil

from tests.cluster import ROOMY
from tests.faults.nodes.standing import tell
from tests.servers import TramServer, make_template
from tests.socket_client import SocketClient

PROMPTS = ("Write something long", "Say hello", "Compare them in a table", "Viết một bài dài")
INTERRUPTED_SHARE = CUT_SHARE = 0.2
LOOK_SECONDS = 300.0
TOKEN = "soak-" + "t" * 32
GOAL_MIB_PER_HOUR = 10.0
ENV = {
    **ROOMY,
    "METRICS_TOKEN": TOKEN,
    "DRAIN_SECONDS": "60",
    "MAX_TURNS_PER_TEAM": "0",
    # The relay below takes minutes for a long answer.
    "RELAY_TURN_TIMEOUT_SECONDS": "900",
}
RELAY = ("--tokens-per-second", "6", "--first-token-seconds", "0.5")
USD_BEFORE = "100000"


class Look(msgspec.Struct, frozen=True):
    """The server at a moment."""

    minutes: float
    rss_mib: float
    descriptors: int
    threads: int
    turns_running: float
    turns: int
    told_to_try_again: int
    faults: int
    newest_fault: str


class Soak:
    """The people of a soak, and what is seen of the server meanwhile."""

    def __init__(self, server: TramServer, streams: int, seconds: float) -> None:
        self.server, self.streams = server, streams
        self.began = time.monotonic()
        self.until = self.began + seconds
        self.rng = random.Random(1)
        self.states: Counter[str] = Counter()
        self.faults: list[str] = []
        self.told_to_try_again = 0
        self.looks: list[Look] = []

    async def run(self) -> None:
        """Let everybody ask until the time is over; look now and then."""
        signed_in = self.server.sign_in("alice")
        self._headers = self.server.socket_headers(signed_in)
        people = [asyncio.create_task(self._ask()) for _ in range(self.streams)]
        while time.monotonic() < self.until:
            await asyncio.sleep(min(LOOK_SECONDS, max(0.1, self.until - time.monotonic())))
            await self._look()
        for person in people:
            person.cancel()
        await asyncio.wait(people)
        signed_in.close()

    async def _ask(self) -> None:
        while True:
            try:
                async with await SocketClient.open(self.server.ws_url, self._headers) as client:
                    for _ in range(self.rng.randrange(1, 6)):
                        await self._one(client)
            except _Cut:
                continue
            except Exception as error:
                self.faults.append(f"{type(error).__name__}: {error}"[:300])
                await asyncio.sleep(5)

    async def _one(self, client: SocketClient) -> None:
        accepted = await client.chat(
            self.rng.choice(PROMPTS), id=str(uuid.uuid4()), model="gpt-4.1"
        )
        if accepted.get("code") == "storage_unavailable":
            # A machine that is busy with something else: nothing was lost, and nothing grows.
            self.told_to_try_again += 1
            await asyncio.sleep(5)
            return
        assert accepted["type"] == "accepted", accepted
        turn = accepted["turn"]
        await client.first_text(turn)
        if self.rng.random() < INTERRUPTED_SHARE:
            await asyncio.sleep(self.rng.random() * 20)
            await client.send(type="interrupt", turn=turn)
        elif self.rng.random() < CUT_SHARE:
            await asyncio.sleep(self.rng.random() * 20)
            turns = client.turns
            client.connection.transport.abort()
            await client.close()
            async with await SocketClient.open(self.server.ws_url, self._headers) as again:
                again.turns = turns
                seen = turns[turn]
                await again.send(
                    type="attach",
                    conversation=accepted["conversation"],
                    turn=turn,
                    epoch=seen.epoch,
                    after=seen.seq,
                )
                await self._end(again, turn)
            raise _Cut
        await self._end(client, turn)

    async def _end(self, client: SocketClient, turn: str) -> None:
        done = await client.wait_for(
            lambda frame: frame["type"] == "done" and frame["turn"] == turn, seconds=900
        )
        code = (done.get("error") or {}).get("code", "")
        self.states[f"{done['state']} {code}".rstrip()] += 1

    async def _look(self) -> None:
        process = psutil.Process(self.server.pid)
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            answer = await http.get(
                f"{self.server.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}
            )
        running = [
            line for line in answer.text.splitlines() if line.startswith("tram_turns_active ")
        ]
        look = Look(
            minutes=round((time.monotonic() - self.began) / 60, 1),
            rss_mib=round(process.memory_info().rss / 2**20, 1),
            descriptors=process.num_fds(),
            threads=process.num_threads(),
            turns_running=float(running[0].split()[-1]) if running else -1.0,
            turns=self.states.total(),
            told_to_try_again=self.told_to_try_again,
            faults=len(self.faults),
            newest_fault=self.faults[-1] if self.faults else "",
        )
        self.looks.append(look)
        tell(**msgspec.structs.asdict(look))


class _Cut(Exception):
    """The client of before is gone; a new one is opened."""


def slope_mib_per_hour(looks: list[Look]) -> float:
    """Least squares of the memory over time, without the first look: that is the warming up."""
    points = [(look.minutes / 60, look.rss_mib) for look in looks[1:]]
    if len(points) < 2:
        return 0.0
    mean_x, mean_y = (sum(each) / len(points) for each in zip(*points, strict=True))
    below = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / below if below else 0.0


def main() -> int:
    """Play and say what grew."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--streams", type=int, default=100)
    wished = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tram-soak-") as folder:
        template = make_template(Path(folder) / "template")
        server = TramServer(Path(folder) / "data", template, ENV, relay_options=RELAY)
        grant(server)
        with server:
            soak = Soak(server, wished.streams, wished.minutes * 60)
            asyncio.run(soak.run())
            status = server.terminate(120)
            server.manage("verifyledger")
            left = server.rows("select count(*) from chat_turn where state = 'running'")[0][0]
    slope = slope_mib_per_hour(soak.looks)
    tell(
        minutes=wished.minutes,
        streams=wished.streams,
        ends=dict(soak.states),
        exit_status=status,
        unsettled=left,
        rss_slope_mib_per_hour=round(slope, 2),
        faults=soak.faults[:5],
    )
    return bool(soak.faults or status or left or slope > GOAL_MIB_PER_HOUR)


def grant(server: TramServer) -> None:
    """Give the teams credit for all of it."""
    code = (
        "from accounts.models import Team; from billing.budgets import grant_credit;"
        "from billing.money import usd_to_nano;"
        f"[grant_credit(team_id=t.pk, amount_nano_usd=usd_to_nano('{USD_BEFORE}'))"
        " for t in Team.objects.all()]"
    )
    server.manage("shell", "-c", code)


if __name__ == "__main__":
    sys.exit(main())
