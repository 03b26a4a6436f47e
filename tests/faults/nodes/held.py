"""kill -9 of half of the nodes while they hold: is anything held for ever, and is anybody refused
afterwards what is left?

Run as ``python -m tests.faults.nodes.held --times 20``. Each time 60 sends go out at four nodes
under limits of all levels, two nodes die at a random moment of it, and the turns of the others are
stopped. Prints one JSON line; exits with status 1 when money leaked or a send that fits was
refused.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from uuid import UUID

from tests.cluster import Cluster
from tests.faults.nodes.budgets import Bounds
from tests.faults.nodes.crowd import RUNNING, SLOWLY, Crowd, leaks, overrun_nano_usd
from tests.faults.nodes.play import until
from tests.faults.nodes.standing import percentile, standing_clusters, tell
from tests.socket_client import Frame

NODES, SENDS = 4, 60
LATEST_SECONDS = 1.5
"""The deaths come so long after the sends at most: some are answered, some are not."""
OF_THE_DEAD = """
select count(*), coalesce(sum(hold_nano_usd), 0)::bigint from chat_turn
where state = 'orphaned'
"""


class Deaths:
    """The figures of all times, and what was wrong."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd, self._cluster = crowd, crowd.cluster
        self.killed = 0
        self.passed = 0
        self.seconds: list[float] = []
        self.wrong: list[str] = []

    async def die(self, seed: int) -> None:
        """One death of half of the nodes; all run again afterwards."""
        crowd, chance = self._crowd, random.Random(seed)
        bounds = Bounds(crowd, chance)
        await self._order(left=bounds.credit_nano_usd, end=True, limits=bounds.limits)
        dying = chance.sample(range(len(self._cluster)), len(self._cluster) // 2)
        sending = asyncio.ensure_future(self._sent(chance))
        await asyncio.sleep(chance.random() * LATEST_SECONDS)
        for at in dying:
            self._cluster[at].kill()
        died = time.monotonic()
        self.killed += len(dying)
        accepted = [each for each in await sending if each["type"] == "accepted"]
        for at in dying:
            await crowd.disconnect(at)
        await crowd.stop(accepted)
        self.seconds.append(time.monotonic() - died)
        self._look(f"seed {seed}")
        await self._nobody_is_refused_wrongly(seed, chance)
        await asyncio.to_thread(self._cluster.start)
        await crowd.connect()

    async def _sent(self, chance: random.Random) -> list[Frame]:
        """What was answered before the deaths, and by whoever lives on."""
        sent = await self._crowd.send_many(SENDS, chance, patient=False)
        return [each for each in sent if each["type"] != "lost"]

    def _look(self, when: str) -> None:
        if left := leaks(self._cluster):
            self.wrong.append(f"{when}: {left}")
        if over := overrun_nano_usd(self._cluster):
            self.wrong.append(f"{when}: {over} nano-USD over")

    async def _nobody_is_refused_wrongly(self, seed: int, chance: random.Random) -> None:
        """A send for exactly what is left everywhere passes, and one more does not."""
        crowd = self._crowd
        place = chance.choice(crowd.places)
        person, conversation = crowd.people[place.person], UUID(place.conversation)
        await self._order(room=crowd.hold_nano_usd, person=person, conversation=conversation)
        at = chance.choice(sorted({at for _, at in crowd.sockets}))
        last, beyond = await crowd.send(place, at), await crowd.send(place, at)
        if (last["type"], beyond["type"]) != ("accepted", "error"):
            self.wrong.append(f"seed {seed}: {last}, {beyond}")
            return
        self.passed += 1
        if beyond["detail"]["remaining_nano_usd"] != 0:
            self.wrong.append(f"seed {seed}: {beyond}")
        await crowd.stop([last])
        # The limits were changed since: what was used before is not to be held against them.
        if left := leaks(self._cluster):
            self.wrong.append(f"seed {seed}, afterwards: {left}")

    async def _order(self, **fields: object) -> None:
        self.wrong += await self._crowd.order(**fields)


async def die_often(cluster: Cluster, seeds: range) -> Deaths:
    """Half of the nodes die, once for each seed; their relay is slow."""
    crowd = await Crowd(cluster).gather()
    found = Deaths(crowd)
    try:
        for seed in seeds:
            await found.die(seed)
            told = f"seed {seed}: {found.seconds[-1]:.1f} s, {len(found.wrong)} wrong so far"
            print(told, file=sys.stderr, flush=True)
        await until(lambda: cluster.rows(RUNNING) == [(0,)])
    finally:
        await crowd.close()
    return found


def main() -> int:
    """Kill, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    wished = parser.parse_args()
    seeds = range(wished.first, wished.first + wished.times)
    with (
        standing_clusters() as clusters,
        clusters.make(nodes=NODES, relay_options=SLOWLY) as cluster,
    ):
        found = asyncio.run(die_often(cluster, seeds))
        turns, held = cluster.rows(OF_THE_DEAD)[0]
        cluster.manage("verifyledger")
        left = leaks(cluster)
    tell(
        times=wished.times,
        killed=found.killed,
        turns_that_lost_their_node=turns,
        held_by_them_nano_usd=held,
        settled_p50_seconds=round(percentile(found.seconds, 0.5), 2),
        settled_max_seconds=round(max(found.seconds), 2),
        held_afterwards_nano_usd=left.get("held_nano_usd", 0),
        leaked_holds=left.get("holds_not_settled", 0),
        sends_for_what_was_left=wished.times,
        passed=found.passed,
        wrong=found.wrong[:10],
    )
    return bool(found.wrong or left)


if __name__ == "__main__":
    sys.exit(main())
