"""Thousands of cuts at random moments: the same node, another one, twice in a row.

Run as ``python -m tests.faults.nodes.cuts --points 10000``. Prints one JSON line; exits with
status 1 when a character was lost, doubled or out of order.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import Counter

from tests.cluster import Cluster
from tests.faults.nodes.play import LONG
from tests.faults.nodes.reader import Reader
from tests.faults.nodes.standing import STORED, Faults, standing_clusters, stored_texts, tell

NODES, TURNS, READERS = 3, 6, 36
PROMPTS = (LONG, "Viết một bài dài", "写一篇长篇文章")
MOST_PAUSE_SECONDS = 0.3
OPTIONS = ("--tokens-per-second", "120", "--first-token-seconds", "0.1")


class Cuts:
    """Readers who lose their connections until there were enough cuts."""

    def __init__(self, cluster: Cluster, points: int, seed: int) -> None:
        self.cluster, self.points = cluster, points
        self.rng = random.Random(seed)
        self.kinds: Counter[str] = Counter()
        self.faults = Faults()
        self.resumes_seconds: list[float] = []

    async def run(self) -> None:
        """Rounds of some answers with many readers each."""
        while self.kinds.total() < self.points and not self.faults:
            await self._round()

    async def _round(self) -> None:
        askers = [await Reader(self.cluster).connect(number % NODES) for number in range(TURNS)]
        asked = [await asker.ask(PROMPTS[n % 3]) for n, asker in enumerate(askers)]
        readers = []
        for number in range(READERS):
            reader = Reader(self.cluster)
            reader.expects(asked[number % TURNS])
            readers.append(reader)
        await asyncio.gather(*(self._read(reader) for reader in readers))
        for asker, accepted in zip(askers, asked, strict=True):
            await asker.finish(accepted["turn"])
        if self.faults:
            return
        stored = stored_texts(self.cluster.rows(STORED))
        for reader in [*readers, *askers]:
            for turn in reader.turns:
                self.faults.compare(reader, turn, stored[turn])
            try:
                await reader.close()
            except AssertionError as error:
                self.faults.append(str(error))

    async def _read(self, reader: Reader) -> None:
        (turn,) = reader.turns
        try:
            await reader.connect(self.rng.randrange(NODES))
            while reader.turns[turn].done is None and self.kinds.total() < self.points:
                await asyncio.sleep(self.rng.random() * MOST_PAUSE_SECONDS)
                await self._cut(reader)
            await reader.finish(turn)
        except AssertionError as error:
            self.faults.append(f"{turn}: {error}")

    async def _cut(self, reader: Reader) -> None:
        elsewhere = self.rng.random() < 0.5
        double = self.rng.random() < 0.3
        for _ in range(2 if double else 1):
            await reader.drop()
            at = self.rng.randrange(NODES) if elsewhere else reader.at
            self.kinds["double" if double else "elsewhere" if at != reader.at else "local"] += 1
            began = time.monotonic()
            await reader.connect(at)
            self.resumes_seconds.append(time.monotonic() - began)


def main() -> int:
    """Play and say what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    wished = parser.parse_args()
    with standing_clusters() as clusters, clusters.make(nodes=NODES, relay_options=OPTIONS) as made:
        cuts = Cuts(made, wished.points, wished.seed)
        began = time.monotonic()
        asyncio.run(cuts.run())
        turns = len(made.rows("select id from chat_turn"))
        tell(
            cuts=cuts.kinds.total(),
            kinds=dict(cuts.kinds),
            turns=turns,
            lost_or_doubled=len(cuts.faults),
            faults=cuts.faults[:5],
            seconds=round(time.monotonic() - began),
        )
    return bool(cuts.faults)


if __name__ == "__main__":
    sys.exit(main())
