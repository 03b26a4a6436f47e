"""One node of a run: a simulated process with a real engine in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chat.turns.engine import Engine, Seams
from chat.turns.journal import Rhythm
from tests.simulation.network import SimulatedBus
from tests.simulation.seams import SimulatedReader, SimulatedRecords, SimulatedStore
from tests.simulation.virtual_time import Process

if TYPE_CHECKING:
    from tests.simulation.door import Connection, Line
    from tests.simulation.world import World

BEAT_SECONDS = 2.0
LEASE_SECONDS = 10.0
FOLLOW_POLL_SECONDS = 0.5
RHYTHM = Rhythm(stop_seconds=15.0)


class Node:
    """What is started, stopped, killed and drained."""

    def __init__(self, world: World, name: str) -> None:
        self.name = name
        self._world = world
        self.process = Process(name, world.loop)
        self.store = SimulatedStore(world.database, world.loop)
        seams = Seams(
            world.relay,
            self.store,
            SimulatedRecords(world.database, name),
            SimulatedReader(world.database),
            SimulatedBus(world.network),
        )
        self.engine = Engine(
            seams,
            RHYTHM,
            node=name,
            beat_seconds=BEAT_SECONDS,
            lease_seconds=LEASE_SECONDS,
            follow_poll_seconds=FOLLOW_POLL_SECONDS,
            max_turns=50,
            last_ends_seconds=3.0,
            spool=world.spool,
        )
        self.connections: list[tuple[Connection, Line]] = []
        self.draining = False
        self.ended = False
        self.wall_ahead_seconds = 0.0
        self.process.call(self.engine.start)

    @property
    def up(self) -> bool:
        """Whether a client that comes is let in, be it that nobody answers it."""
        return self.process.alive and not self.draining

    def kill(self) -> None:
        """kill -9: its machine closes its sockets."""
        self.process.kill()
        self._world.relay.process_died(self.process)
        self._world.network.listeners.pop(self.name, None)
        for _, line in self.connections:
            line.cut()

    async def shut_down(self, seconds: float) -> None:
        """SIGTERM; runs within the process."""
        try:
            await self.engine.drain(seconds)
            await self.engine.aclose()
        except Exception as error:
            self._world.complain(self.name, f"could not end: {error!r}")
        for connection, _ in self.connections:
            connection.close()
        self.ended = True
