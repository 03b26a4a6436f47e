"""What goes wrong in a run, when and for how long, and what its people do: all from its seed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from tests.simulation.node import Node
from tests.simulation.tab import Tab
from tests.simulation.world import World

ROUGH_SECONDS = (4.0, 25.0)
FAULTS = (
    "kill",
    "stop",
    "drain",
    "database slow",
    "database failing",
    "database down",
    "database unreachable",
    "bus down",
    "bus losing",
    "bus slow",
    "lines slow",
    "wall clock",
)


class Plan:
    """Carries out a run's rough part."""

    def __init__(self, world: World, faults: Sequence[str] = ()) -> None:
        """`faults` happen in place of those that the seed would choose."""
        self.world = world
        self.chance = world.chance
        self.seconds = self.chance.uniform(*ROUGH_SECONDS)
        kinds = self.chance.choice((0, 1, 1, 2, 2, 3))
        self.kinds = list(faults) or self.chance.sample(FAULTS, kinds)
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Start the nodes and the tabs, and set the times of all that happens."""
        world, chance = self.world, self.chance
        for _ in range(chance.choice((1, 2, 2, 3, 3, 4))):
            world.start_node()
        conversations = [chance.uuid() for _ in range(chance.choice((1, 1, 2)))]
        for number in range(chance.randint(1, 4)):
            person = chance.randint(1, 2)
            world.tabs.append(Tab(world, f"tab{number}", person, chance.choice(conversations)))
        for _ in range(chance.choice((1, 1, 2, 3))):
            self._at(chance.uniform(0.3, self.seconds * 0.7), self._send)
        for _ in range(chance.choice((0, 1, 1, 3))):
            self._at(chance.uniform(0.5, self.seconds), self._interrupt)
        for _ in range(chance.choice((0, 1, 3, 8))):
            self._at(chance.uniform(0.5, self.seconds), self._come_back)
        if chance.happens(0.3):
            self._at(chance.uniform(0.5, self.seconds), self._read_nothing)
        for kind in self.kinds:
            for _ in range(chance.choice((1, 1, 2))):
                self._at(chance.uniform(0.2, self.seconds), self._fault, kind)

    def _at(self, seconds: float, act: Callable[..., None], *args: object) -> None:
        self.world.loop.call_later(seconds, act, *args)

    def _send(self) -> None:
        chance, tabs = self.chance, self.world.tabs
        tab, client_id = chance.choice(tabs), chance.uuid()
        tab.chat(client_id)
        if chance.happens(0.25):
            for other in tabs:
                if (other.person, other.conversation) == (tab.person, tab.conversation):
                    other.chat(client_id)

    def _interrupt(self) -> None:
        world, chance = self.world, self.chance
        tab = chance.choice(world.tabs)
        live = [held.turn for held in tab.book.turns.values() if held.live]
        if not live:
            return
        turn = chance.choice(live)
        for _ in range(chance.choice((1, 1, 2, 10))):
            tab.interrupt(turn)
            tab = chance.choice([each for each in world.tabs if turn in each.book.turns])

    def _come_back(self) -> None:
        chance = self.chance
        chance.choice(self.world.tabs).leave(chance.choice((0.0, 0.05, 1.0, 6.0)))

    def _read_nothing(self) -> None:
        tab: Tab = self.chance.choice(self.world.tabs)
        tab.reading = False
        self._at(self.chance.uniform(0.5, 20.0), tab.read_on)

    def _fault(self, kind: str) -> None:
        name = kind.replace(" ", "_")
        act = getattr(self, f"_{name}")
        self._tasks.append(asyncio.ensure_future(self._happen(kind, act)))

    async def _happen(self, kind: str, act: Callable[[], AsyncIterator[float]]) -> None:
        """A fault begins, lasts, and ends; `act` yields how long."""
        world = self.world
        started = world.loop.time()
        happening = act()
        seconds = await anext(happening, 0.0)
        world.trace.note("FAULT", f"{kind} for {seconds:.2f} s")
        await asyncio.sleep(seconds)
        await anext(happening, None)
        world.trace.note("FAULT", f"{kind} is over")
        world.trouble(kind, started)

    async def end(self) -> None:
        """Wait for the rough part and the ends of all faults; at least one node is left."""
        await asyncio.sleep(self.seconds)
        while pending := [task for task in self._tasks if not task.done()]:
            await asyncio.wait(pending)
        for task in self._tasks:
            task.result()

    def _victim(self) -> Node | None:
        nodes = [node for node in self.world.nodes if node.process.state == "running" and node.up]
        return self.chance.choice(nodes) if nodes else None

    async def _kill(self) -> AsyncIterator[float]:
        if (node := self._victim()) is not None:
            self.world.trace.note(node.name, "is killed")
            node.kill()
            yield self.chance.uniform(0.3, 4.0)
            self.world.start_node()

    async def _stop(self) -> AsyncIterator[float]:
        if (node := self._victim()) is not None:
            self.world.trace.note(node.name, "is stopped")
            node.process.stop()
            yield self.chance.choice((self.chance.uniform(0.1, 3), self.chance.uniform(9, 30)))
            if node.process.alive:
                self.world.trace.note(node.name, "wakes")
                node.process.wake(timers_last=self.chance.happens(0.7))

    async def _drain(self) -> AsyncIterator[float]:
        if (node := self._victim()) is not None:
            self.world.trace.note(node.name, "drains")
            node.draining = True
            ending = node.process.spawn(
                node.shut_down(self.chance.choice((0.0, 1.0, 8.0))), name="shut down"
            )
            yield self.chance.uniform(0.1, 1.0)
            self.world.start_node()
            while not ending.done() and node.process.alive:
                await asyncio.sleep(0.1)
            if ending.done():
                ending.result()
                self.world.trace.note(node.name, "has ended")

    async def _database_slow(self) -> AsyncIterator[float]:
        weather = self.world.database.weather
        weather.slowness = self.chance.choice((30.0, 300.0, 1500.0))
        yield self.chance.uniform(0.5, 8.0)
        weather.slowness = 1.0

    async def _database_failing(self) -> AsyncIterator[float]:
        weather = self.world.database.weather
        weather.failing = self.chance.choice((0.1, 0.5))
        yield self.chance.uniform(0.5, 8.0)
        weather.failing = 0.0

    async def _database_down(self) -> AsyncIterator[float]:
        weather = self.world.database.weather
        weather.down, weather.hangs = True, self.chance.happens(0.5)
        yield self.chance.choice((self.chance.uniform(0.2, 6.0), self.chance.uniform(10, 35)))
        weather.down = False

    async def _database_unreachable(self) -> AsyncIterator[float]:
        if (node := self._victim()) is not None:
            away = self.world.database.weather.unreachable_for
            away.add(node.name)
            yield self.chance.choice((self.chance.uniform(0.2, 6.0), self.chance.uniform(9, 30)))
            away.discard(node.name)

    async def _bus_down(self) -> AsyncIterator[float]:
        self.world.network.go_down()
        yield self.chance.uniform(0.5, 15.0)
        self.world.network.come_back()

    async def _bus_losing(self) -> AsyncIterator[float]:
        network = self.world.network
        network.losing, network.doubling = self.chance.choice((0.02, 0.3)), 0.05
        yield self.chance.uniform(1.0, 15.0)
        network.losing = network.doubling = 0.0

    async def _bus_slow(self) -> AsyncIterator[float]:
        self.world.network.slowness = self.chance.choice((20.0, 500.0))
        yield self.chance.uniform(1.0, 10.0)
        self.world.network.slowness = 1.0

    async def _lines_slow(self) -> AsyncIterator[float]:
        self.world.line_slowness = self.chance.choice((10.0, 100.0))
        yield self.chance.uniform(1.0, 10.0)
        self.world.line_slowness = 1.0

    async def _wall_clock(self) -> AsyncIterator[float]:
        if (node := self._victim()) is not None:
            node.wall_ahead_seconds = self.chance.choice((-3600.0, 3600.0))
            yield self.chance.uniform(1.0, 10.0)
            node.wall_ahead_seconds = 0.0
