"""One row played on a running cluster: who asks, who reads, and what became of the turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from chat.relay.demo.record import RequestRecord
from tests.cluster import Cluster
from tests.faults.doorkeeper import KeptDoor
from tests.faults.evidence import Evidence, stored_in_cluster
from tests.faults.nodes.purse import Purse
from tests.faults.nodes.reader import Reader
from tests.faults.stage import OF_A_TURN
from tests.socket_client import Frame

MODEL = "gpt-4.1"
SHORT = "Say hello"
"""Its answer is about 940 characters."""
LONG = "Write something long"
"""About 6,400."""
LOOK_SECONDS = 0.02
PATIENCE_SECONDS = 60.0


@dataclass
class Play:
    """The cluster, the readers of this row, and the figures that it gives."""

    cluster: Cluster
    doors: list[KeptDoor]
    """What stands between nodes and their database, from the first node on."""
    purse: Purse
    requests_before: int
    readers: list[Reader] = field(default_factory=list)
    prompts: dict[str, str] = field(default_factory=dict)
    asked: dict[str, Frame] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)

    async def reader(self, at: int, username: str = "alice", of: Frame | None = None) -> Reader:
        """A new client at a node, that follows the turn `of`."""
        made = Reader(self.cluster, username)
        if of is not None:
            made.expects(of)
        self.readers.append(made)
        return await made.connect(at)

    async def ask(self, reader: Reader, content: str = SHORT, **fields: Any) -> Frame:
        """Send a message; gives `accepted`."""
        accepted = await reader.ask(content, MODEL, **fields)
        return self.note(accepted, content)

    def note(self, accepted: Frame, content: str) -> Frame:
        """Count a turn among those of the row."""
        self.prompts[accepted["turn"]], self.asked[accepted["turn"]] = content, accepted
        return accepted

    def state_of(self, turn: str) -> str:
        """How a turn is stored now."""
        return str(self.cluster.rows("select state from chat_turn where id = %s", turn)[0][0])

    async def written(self, turn: str, characters: int) -> None:
        """Wait until so much of a turn is journaled, or it has ended."""
        count = "select coalesce(sum(length(content)), 0) from chat_journalchunk where turn_id = %s"
        await until(
            lambda: (
                self.cluster.rows(count, turn)[0][0] >= characters
                or self.state_of(turn) != "running"
            )
        )

    async def ended(self, turn: str) -> None:
        """Wait until a turn is settled."""
        await until(lambda: self.state_of(turn) != "running")

    @asynccontextmanager
    async def timed(self, name: str) -> AsyncIterator[None]:
        """Note how long something took."""
        began = time.monotonic()
        yield
        self.figures[name] = time.monotonic() - began

    async def evidence(self) -> list[Evidence]:
        """Wait until every reader has seen the end of each of its turns; hear all witnesses."""
        for reader in self.readers:
            for turn in list(reader.turns):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await reader.finish(turn)
        await until(lambda: self.cluster.relay.streams() == 0)
        records = await asyncio.to_thread(self.requests)
        found = []
        for reader in self.readers:
            for turn in reader.turns:
                stored = await asyncio.to_thread(stored_in_cluster, self.cluster, turn)
                found.append(self._heard(reader, turn, stored, records))
        return found

    def requests(self) -> list[RequestRecord]:
        """What the relay has in its log of this row."""
        names = RequestRecord.__struct_fields__
        found = self.cluster.relay.requests()[self.requests_before :]
        return [RequestRecord(**{name: each[name] for name in names}) for each in found]

    def _heard(
        self, reader: Reader, turn: str, stored: dict[str, Any], records: list[RequestRecord]
    ) -> Evidence:
        frames = [f for f in reader.frames if f.get("turn") == turn and f["type"] in OF_A_TURN]
        # Whoever asks to stop what has ended, or joins as it ends, may be told again how: the same
        # to the letter, which the client has compared.
        end = [frame["type"] for frame in frames].index("done")
        assert {frame["type"] for frame in frames[end:]} <= {"done", "snapshot"}
        del frames[end + 1 :]
        own = [row["response_id"] for row in stored["attempts"]]
        return Evidence(
            prompt=self.prompts[turn],
            model=MODEL,
            asked_ns=self.asked[turn]["asked_ns"],
            done_ns=frames[-1]["seen_ns"],
            frames=frames,
            seen=reader.turns[turn],
            # Nobody knows the answer's id of a turn that lost its node: all of the row are its.
            requests=[each for each in records if f"chatcmpl-{each.request_id}" in own] or records,
            **stored,
        )


@asynccontextmanager
async def playing(cluster: Cluster, doors: list[KeptDoor], purse: Purse) -> AsyncIterator[Play]:
    """A row on a cluster of which all nodes run; its readers are closed afterwards."""
    await asyncio.to_thread(cluster.start)
    asked_before = len(await asyncio.to_thread(cluster.relay.requests))
    play = Play(cluster, doors, purse, asked_before)
    try:
        yield play
    finally:
        for reader in play.readers:
            await reader.close()


async def until(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Return once a condition that asks other processes holds."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(LOOK_SECONDS)
