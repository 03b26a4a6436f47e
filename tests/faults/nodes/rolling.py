"""Many live streams through a restart of all nodes, one after the other.

Run as ``python -m tests.faults.nodes.rolling --streams 50``. Prints one JSON line; exits with
status 1 when a character was lost or doubled, or a turn was left unsettled.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
import uuid
from collections import Counter

from tests.cluster import Cluster
from tests.faults.nodes.play import LONG
from tests.faults.nodes.reader import Reader
from tests.faults.nodes.standing import (
    STORED,
    Faults,
    ask_through,
    standing_clusters,
    stored_texts,
    tell,
)

NODES = 3
OPTIONS = ("--tokens-per-second", "60")
UNSETTLED = """
select (select count(*) from chat_turn where state = 'running'),
       (select coalesce(sum(held_nano_usd), 0) from billing_budget)
"""


class Rolling:
    """Readers who ask again and again while the nodes are replaced."""

    def __init__(self, cluster: Cluster, streams: int) -> None:
        self.cluster, self.streams = cluster, streams
        self.faults = Faults()
        self.turns = self.connections = 0
        self.ended = asyncio.Event()
        self.restarts_seconds: list[float] = []
        self.statuses: list[int] = []
        self._live: set[Reader] = set()

    async def run(self) -> None:
        """Keep the streams alive through the restart of every node."""
        readers = [Reader(self.cluster) for _ in range(self.streams)]
        asking = [asyncio.create_task(self._ask(n, reader)) for n, reader in enumerate(readers)]
        while len(self._live) < self.streams:
            await asyncio.sleep(0.1)
        for node in self.cluster:
            began = time.monotonic()
            self.statuses.append(await asyncio.to_thread(node.terminate, 90.0))
            self.restarts_seconds.append(time.monotonic() - began)
            await asyncio.to_thread(node.start)
        self.ended.set()
        await asyncio.gather(*asking)
        stored = stored_texts(await asyncio.to_thread(self.cluster.rows, STORED))
        for reader in readers:
            self.connections += reader.connections
            for turn in reader.turns:
                self.faults.compare(reader, turn, stored[turn])
            await reader.close()

    async def _ask(self, number: int, reader: Reader) -> None:
        try:
            await reader.connect(number % NODES)
            while not self.ended.is_set():
                accepted = await ask_through(reader, LONG, str(uuid.uuid4()))
                self.turns += 1
                await reader.holds(accepted["turn"], 1)
                self._live.add(reader)
                await reader.finish(accepted["turn"])
        except AssertionError as error:
            self._live.add(reader)
            self.faults.append(str(error))


def main() -> int:
    """Play and say what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--drain-seconds", type=float, default=60)
    wished = parser.parse_args()
    env = {"DRAIN_SECONDS": str(wished.drain_seconds)}
    with (
        standing_clusters() as clusters,
        clusters.make(nodes=NODES, env=env, relay_options=OPTIONS) as made,
    ):
        rolling = Rolling(made, wished.streams)
        asyncio.run(rolling.run())
        states = Counter(row[0] for row in made.rows("select state from chat_turn"))
        running, held = made.rows(UNSETTLED)[0]
        made.manage("verifyledger")
        tell(
            streams=wished.streams,
            turns=rolling.turns,
            states=dict(states),
            connections=rolling.connections,
            exit_statuses=rolling.statuses,
            node_ended_after_seconds=[round(each, 1) for each in rolling.restarts_seconds],
            lost_or_doubled=len(rolling.faults),
            faults=rolling.faults[:5],
            unsettled=running,
            held_nano_usd=int(held),
        )
    return bool(rolling.faults or running or held or any(rolling.statuses))


if __name__ == "__main__":
    sys.exit(main())
