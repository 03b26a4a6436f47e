"""One run from a seed: the rough part, the calm after it, the judgement, the clearing away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from tests.simulation.node import LEASE_SECONDS
from tests.simulation.oracle import judge
from tests.simulation.patches import simulated
from tests.simulation.plan import Plan
from tests.simulation.virtual_time import Stuck
from tests.simulation.world import World

LONGEST_ANSWER_SECONDS = 120.0
AFTERWARDS_SECONDS = 2 * LEASE_SECONDS
Bug = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class Verdict:
    """What came of a run."""

    seed: int
    complaints: tuple[str, ...]
    digest: str
    trace: str
    turns: int
    faults: tuple[str, ...]
    calls: int
    exposed: int


def run(seed: int, bug: Bug = nullcontext, faults: Sequence[str] = ()) -> Verdict:
    """Run a world; `bug` breaks the product meanwhile, to see whether it is found. `faults` happen
    in place of those that the seed would choose."""
    world = World(seed)
    plan = Plan(world, faults)
    with bug(), simulated(world):
        try:
            world.loop.run(_live(world, plan))
        except Stuck as stuck:
            world.complain("loop", str(stuck))
        verdict = Verdict(
            seed,
            tuple(world.complaints),
            world.trace.digest,
            str(world.trace),
            len(world.database.tables.turns),
            tuple(plan.kinds),
            world.loop.calls,
            len(world.exposed),
        )
        _clear_away(world)
    return verdict


async def _live(world: World, plan: Plan) -> None:
    plan.begin()
    await plan.end()
    world.trace.note("world", "is calm")
    for tab in world.tabs:
        if not tab.reading:
            tab.read_on()
    await _settled(world)
    await asyncio.sleep(AFTERWARDS_SECONDS)
    judge(world)
    await _close(world)


async def _settled(world: World) -> None:
    """Wait until no turn runs, for as long as the longest answer and a recovery may take."""
    calm_at = world.loop.time()
    turns = world.database.tables.turns.values()
    while world.loop.time() < calm_at + LONGEST_ANSWER_SECONDS + AFTERWARDS_SECONDS:
        if all(row.state != "running" for row in turns) and not any(
            tab.pending for tab in world.tabs
        ):
            return
        await asyncio.sleep(0.5)


async def _close(world: World) -> None:
    """I10: what a node leaves behind when it ends in order is nothing."""
    for tab in world.tabs:
        tab.gone = True
        tab.leave(0)
    await asyncio.sleep(0.1)
    for node in world.nodes:
        if node.process.alive and not node.ended:
            await asyncio.wait({node.process.spawn(node.shut_down(0), name="shut down")})
    await asyncio.sleep(1)
    for node in world.nodes:
        if node.process.alive:
            for task in node.process.left():
                world.complain(node.name, f"left a task: {task.get_name()}")
    for failure in world.loop.failures:
        world.complain("loop", f"{failure.get('message')}: {failure.get('exception')!r}")


def _clear_away(world: World) -> None:
    """Let what was killed unwind, so that nothing of one run is left in the next one."""

    async def bury() -> None:
        for node in world.nodes:
            await node.process.bury()

    world.loop.run(bury())
    world.loop.close()
