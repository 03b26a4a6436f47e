"""A run: nodes, tabs, a database, a bus and a relay in one virtual time, from one seed."""

from __future__ import annotations

import itertools
from uuid import UUID

from tests.simulation.chance import Chance
from tests.simulation.database import Database
from tests.simulation.network import SimulatedNetwork
from tests.simulation.node import Node
from tests.simulation.relays import SimulatedRelay
from tests.simulation.rows import short
from tests.simulation.seams import SimulatedSpool
from tests.simulation.tab import Tab
from tests.simulation.trace import Trace
from tests.simulation.virtual_time import VirtualLoop, here

STALL_MEMORY_SECONDS = 40.0
"""Text that the database did not take may be shown this long after its last bad weather."""


class World:
    """All that there is in a run, and what was seen in it that must not be."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.loop = VirtualLoop()
        self.chance = Chance(seed)
        self.trace = Trace(self.loop.time)
        self.database = Database(self.loop, self.chance, self.trace)
        self.network = SimulatedNetwork(self.loop, self.chance, self.trace)
        self.relay = SimulatedRelay(self.loop, self.chance, self.trace)
        self.spool = SimulatedSpool()
        self.nodes: list[Node] = []
        self.database.tables.runs_at = self._runs_at
        self.tabs: list[Tab] = []
        self.complaints: list[str] = []
        # Turns of which text was shown that the database had not taken, in its bad weather.
        self.exposed: dict[UUID, None] = {}
        # When the database behaved badly last.
        self.last_storm_at = -STALL_MEMORY_SECONDS
        # Stops as they reached a node, and faults with their begin and end.
        self.stops: list[tuple[float, UUID]] = []
        self.troubles: list[tuple[str, float, float]] = []
        self.line_slowness = 1.0
        self._numbers = itertools.count(1)

    def next_number(self) -> int:
        """A number that nothing else in this run has."""
        return next(self._numbers)

    def complain(self, who: str, what: str) -> None:
        """Something is wrong: the run goes on, and fails at its end."""
        self.trace.note(who, f"WRONG: {what}")
        self.complaints.append(f"{self.loop.time():.4f} s, {who}: {what}")

    def start_node(self) -> Node:
        """One more process."""
        node = Node(self, f"n{self.next_number()}")
        self.nodes.append(node)
        self.trace.note(node.name, "starts")
        return node

    def some_node(self) -> Node | None:
        """Where a balancer sends a client; it does not know which ones hang."""
        up = [node for node in self.nodes if node.up]
        return self.chance.choice(up) if up else None

    def line_delay(self) -> float:
        """How long something takes between a client and its node."""
        return self.chance.latency(0.005 * self.line_slowness)

    def wall_seconds(self) -> float:
        """What the wall clock of the present process says."""
        process = here()
        ahead = sum(node.wall_ahead_seconds for node in self.nodes if node.process is process)
        return 1_700_000_000.0 + self.loop.time() + ahead

    def trouble(self, kind: str, began_at: float) -> None:
        """A fault is over."""
        now = self.loop.time()
        self.troubles.append((kind, began_at, now))
        if kind.startswith("database"):
            self.last_storm_at = now

    def _runs_at(self, name: str, turn: UUID) -> bool:
        return any(node.name == name and turn in node.engine.running_ids() for node in self.nodes)

    def note_stop(self, turn: UUID) -> None:
        """Somebody's stop reached a node."""
        self.stops.append((self.loop.time(), turn))

    def shown(self, turn: UUID, epoch: int, seq: int) -> None:
        """A client was shown text up to a chunk: it is journaled, or the database is to blame."""
        if not seq or (turn, epoch, seq) in self.database.tables.committed:
            return
        row = self.database.tables.turns[turn]
        calm_seconds = self.loop.time() - self.last_storm_at
        if self.database.weather.bad or calm_seconds < STALL_MEMORY_SECONDS:
            self.exposed[turn] = None
        else:
            self.complain("journal", f"chunk {seq} of {short(turn)} ({row.state}) is not stored")
