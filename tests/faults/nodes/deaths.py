"""How long it takes from the death of a node to the end of its answers, at the product's times.

Run as ``python -m tests.faults.nodes.deaths --times 20``. Prints one JSON line; exits with status 1
when somebody's text was not kept, or the slowest of a hundred takes longer than the goal.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from tests.cluster import Cluster
from tests.faults.nodes.play import LONG, until
from tests.faults.nodes.reader import Reader
from tests.faults.nodes.standing import (
    STORED,
    Faults,
    percentile,
    standing_clusters,
    stored_texts,
    tell,
)

NODES, STREAMS = 3, 3
GOAL_SECONDS = 15.0
OPTIONS = ("--tokens-per-second", "60")
RUNNING = "select count(*) from chat_turn where state = 'running'"


async def die(cluster: Cluster, at: int, faults: Faults) -> tuple[list[float], float]:
    """Kill one node with its streams; gives for each the seconds until a reader elsewhere knew,
    and the seconds until the last was settled."""
    askers = [await Reader(cluster).connect(at) for _ in range(STREAMS)]
    asked = [await asker.ask(LONG) for asker in askers]
    others = []
    for accepted in asked:
        reader = Reader(cluster)
        reader.expects(accepted)
        others.append(await reader.connect((at + 1) % NODES))
        await reader.holds(accepted["turn"], 100)
    cluster[at].kill()
    died = time.monotonic()

    async def known(reader: Reader, turn: str) -> float:
        await reader.finish(turn)
        return time.monotonic() - died

    knowing = asyncio.gather(*(known(r, a["turn"]) for r, a in zip(others, asked, strict=True)))
    await until(lambda: cluster.rows(RUNNING) == [(0,)])
    settled_seconds = time.monotonic() - died
    known_seconds = await knowing
    for asker, accepted in zip(askers, asked, strict=True):
        await asker.finish(accepted["turn"])
    stored = stored_texts(cluster.rows(STORED))
    for reader in [*askers, *others]:
        for turn in reader.turns:
            faults.compare(reader, turn, stored[turn])
        await reader.close()
    return list(known_seconds), settled_seconds


async def play(cluster: Cluster, times: int, faults: Faults) -> tuple[list[float], list[float]]:
    """One death after the other, each of another node."""
    known: list[float] = []
    settled: list[float] = []
    for number in range(times):
        at = number % NODES
        each, last = await die(cluster, at, faults)
        known += each
        settled.append(last)
        await asyncio.to_thread(cluster[at].start)
    return known, settled


def main() -> int:
    """Play and say what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=20)
    wished = parser.parse_args()
    faults = Faults()
    with standing_clusters() as clusters, clusters.make(nodes=NODES, relay_options=OPTIONS) as made:
        known, settled = asyncio.run(play(made, wished.times, faults))
        made.manage("verifyledger")
        held = made.rows("select sum(held_nano_usd) from billing_budget")[0][0]
    slowest = percentile(settled, 0.99)
    tell(
        deaths=wished.times,
        turns=wished.times * STREAMS,
        settled_p50_seconds=round(percentile(settled, 0.5), 2),
        settled_p99_seconds=round(slowest, 2),
        known_elsewhere_p50_seconds=round(percentile(known, 0.5), 2),
        known_elsewhere_p99_seconds=round(percentile(known, 0.99), 2),
        lost_or_doubled=len(faults),
        faults=faults[:5],
        held_nano_usd=int(held),
    )
    return bool(faults or held or slowest > GOAL_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
