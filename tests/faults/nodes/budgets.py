"""200 sends at once at several nodes with money for 10: how many run, and by how much is any budget
exceeded at any row of the ledger?

Run as ``python -m tests.faults.nodes.budgets --seeds 50``. Each seed bounds the installation, the
team, both people and four conversations beside the team's credit, so that at most 10 fit. Prints
one JSON line; exits with status 1 when one ran too much or was refused for nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections import Counter
from typing import Any
from uuid import UUID

from tests.cluster import Cluster
from tests.faults.nodes.crowd import PEOPLE, SLOWLY, Crowd, leaks, overrun_nano_usd
from tests.faults.nodes.purse import Wanted
from tests.faults.nodes.standing import standing_clusters, tell

NODES, SENDS, MONEY_FOR = 2, 200, 10
PERIODS = ("none", "day", "week", "month")


class Bounds:
    """Limits of all four levels by chance; `fits`: how many sends they let through, and no more."""

    def __init__(self, crowd: Crowd, chance: random.Random) -> None:
        self._crowd, self._chance = crowd, chance
        # One of the three above everybody has money for ten, the others for a little more.
        above = [MONEY_FOR, *(chance.randint(MONEY_FOR, MONEY_FOR + 4) for _ in range(2))]
        chance.shuffle(above)
        self.credit_nano_usd = self._worth(above[0])
        self.limits = [
            self._limit("installation", above[1]),
            self._limit("team", above[2]),
        ]
        below = sum(self._person(person) for person in PEOPLE)
        self.fits = min(MONEY_FOR, below)

    def _person(self, person: str) -> int:
        own = self._chance.randint(4, 9)
        self.limits.append(self._limit("person", own, person=self._crowd.people[person]))
        of_conversations = 0
        for place in self._crowd.places:
            if place.person == person:
                fitting = self._chance.randint(2, 7)
                of_conversations += fitting
                id = UUID(place.conversation)
                self.limits.append(self._limit("conversation", fitting, conversation=id))
        return min(own, of_conversations)

    def _limit(self, scope: str, sends: int, **whose: Any) -> Wanted:
        period = self._chance.choice(PERIODS)
        return Wanted(scope=scope, nano_usd=self._worth(sends), period=period, **whose)

    def _worth(self, sends: int) -> int:
        """Enough for so many sends, and not for one more."""
        hold = self._crowd.hold_nano_usd
        return sends * hold + self._chance.randrange(hold)


class Race:
    """The figures of all seeds, and what was wrong."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self.ran: list[int] = []
        self.refused: Counter[str] = Counter()
        self.overrun_nano_usd = 0
        self.wrong: list[str] = []

    async def run(self, seed: int) -> None:
        """One race, from fresh limits to a ledger at rest."""
        crowd, chance = self._crowd, random.Random(seed)
        bounds = Bounds(crowd, chance)
        money = {"left": bounds.credit_nano_usd, "end": True, "limits": bounds.limits}
        await crowd.order(**money, verify=False)
        answers = await crowd.send_many(SENDS, chance)
        accepted = [each for each in answers if each["type"] == "accepted"]
        self.ran.append(len(accepted))
        if len(accepted) != bounds.fits:
            self.wrong.append(f"seed {seed}: {len(accepted)} ran, {bounds.fits} fit")
        for each in answers:
            if each["type"] != "accepted":
                self._look_at_refusal(seed, each)
        await crowd.stop(accepted)
        over = overrun_nano_usd(crowd.cluster)
        self.overrun_nano_usd = max(self.overrun_nano_usd, over)
        if over or (left := leaks(crowd.cluster)):
            self.wrong.append(f"seed {seed}: {over} nano-USD over; {left if not over else ''}")

    def _look_at_refusal(self, seed: int, refusal: dict[str, Any]) -> None:
        detail = refusal.get("detail", {})
        self.refused[detail.get("scope", refusal["code"])] += 1
        if refusal["code"] == "rate_limited":
            # Its socket had too many in hand, and was told to come again: nothing about money.
            return
        told = (refusal["code"], detail.get("needed_nano_usd"))
        if told != ("budget_exhausted", self._crowd.hold_nano_usd) or not (
            0 <= detail["remaining_nano_usd"] < detail["needed_nano_usd"]
        ):
            self.wrong.append(f"seed {seed}: {refusal}")

    async def finish(self) -> None:
        """Verify the ledger of all seeds together."""
        self.wrong += await self._crowd.order(end=True)


async def race(cluster: Cluster, seeds: range) -> Race:
    """Race once for each seed on a cluster whose relay is slow."""
    crowd = await Crowd(cluster).gather()
    found = Race(crowd)
    try:
        for seed in seeds:
            await found.run(seed)
            print(f"seed {seed}: {found.ran[-1]} ran", file=sys.stderr, flush=True)
        await found.finish()
    finally:
        await crowd.close()
    return found


def main() -> int:
    """Race and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=0)
    wished = parser.parse_args()
    seeds = range(wished.first, wished.first + wished.seeds)
    with (
        standing_clusters() as clusters,
        clusters.make(nodes=NODES, relay_options=SLOWLY) as cluster,
    ):
        found = asyncio.run(race(cluster, seeds))
    tell(
        seeds=wished.seeds,
        nodes=NODES,
        sends=wished.seeds * SENDS,
        ran=sum(found.ran),
        most_at_once=max(found.ran),
        refused=dict(found.refused),
        overrun_nano_usd=found.overrun_nano_usd,
        wrong=found.wrong[:10],
    )
    return bool(found.wrong)


if __name__ == "__main__":
    sys.exit(main())
