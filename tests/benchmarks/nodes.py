"""How long it takes to come back at another process, and to stop an answer from there.

    python -m tests.benchmarks.nodes [--times 50]

Two real processes over PostgreSQL and Valkey. A resume is timed from the opening of the socket
until the client holds all that a neighbour at the owner holds; an interrupt from its sending by the
client until the relay sees its connection close. The last figures are without Redis.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from tests.benchmarks.figures import NS_PER_MS, spread
from tests.cluster import Cluster
from tests.clusters import Clusters
from tests.faults.nodes.play import LONG, until
from tests.faults.nodes.reader import Reader
from tests.services.servers import postgresql, valkey

HELD_CHARACTERS = 200
LISTENING_SECONDS = 1.0


async def resume(cluster: Cluster, at: int) -> int:
    """Come back at a node in the middle of an answer of node 0; nanoseconds."""
    live = await Reader(cluster).connect(0)
    accepted = await live.ask(LONG)
    turn = accepted["turn"]
    await live.holds(turn, HELD_CHARACTERS)
    comes = Reader(cluster)
    comes.expects(accepted)
    began_ns = time.monotonic_ns()
    await comes.connect(at)
    await comes.holds(turn, len(live.turns[turn].content))
    took_ns = time.monotonic_ns() - began_ns
    await live.client.send(type="interrupt", turn=turn)
    await live.finish(turn)
    assert (await comes.finish(turn))["sha256"] == (await live.finish(turn))["sha256"]
    for reader in (live, comes):
        await reader.close()
    return took_ns


async def interrupt(cluster: Cluster, at: int, *, watches: bool = True) -> int:
    """Stop an answer of node 0 through a node; nanoseconds until the relay sees the close."""
    live, stops = await Reader(cluster).connect(0), await Reader(cluster).connect(at)
    accepted = await live.ask(LONG)
    turn = accepted["turn"]
    await live.holds(turn, HELD_CHARACTERS)
    if watches:
        await stops.watch(accepted)
        await stops.holds(turn, HELD_CHARACTERS)
    sent_ns = time.monotonic_ns()
    await stops.client.send(type="interrupt", turn=turn)
    await live.finish(turn)
    await until(lambda: cluster.relay.streams() == 0)
    closed_ns = cluster.relay.requests()[-1]["closed_monotonic_ns"]
    for reader in (live, stops):
        await reader.close()
    return int(closed_ns) - sent_ns


async def measure(cluster: Cluster, times: int) -> None:
    """Print all figures of one cluster."""
    for at in (0, 1):
        print(f"resume, node {at}:", text_of([await resume(cluster, at) for _ in range(times)]))
    for at, watches in ((0, True), (1, True), (1, False)):
        taken = [await interrupt(cluster, at, watches=watches) for _ in range(times)]
        print(f"interrupt, node {at}, {'seen' if watches else 'unseen'} there:", text_of(taken))


async def without_redis(cluster: Cluster, times: int) -> None:
    """The same after Redis has gone away."""
    cluster.sign_in("alice")
    cluster.redis_door.shut()
    await asyncio.sleep(LISTENING_SECONDS)
    print("Redis down, resume:", text_of([await resume(cluster, 1) for _ in range(times)]))
    print("Redis down, interrupt:", text_of([await interrupt(cluster, 1) for _ in range(times)]))


def text_of(taken_ns: list[int]) -> str:
    """Median, 99th percentile and maximum."""
    worst_ms = max(taken_ns) / NS_PER_MS
    return f"p50 / p99 {spread(taken_ns).text} ms, worst {worst_ms:.1f} ms, of {len(taken_ns)}"


def main() -> None:
    """Start everything, measure, end everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory(prefix="tram-nodes-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for each in ("postgresql", "valkey", "clusters"):
            (folder / each).mkdir()
        with postgresql(folder / "postgresql") as database, valkey(folder / "valkey") as redis:
            clusters = Clusters(database, redis, folder / "clusters")
            with clusters.make() as cluster:
                asyncio.run(measure(cluster, times))
            with clusters.make(doors=True) as cluster:
                asyncio.run(without_redis(cluster, max(3, times // 5)))


if __name__ == "__main__":
    main()
