"""The bus of a run: messages take time, get lost, come twice, and the whole of it may be down."""

from __future__ import annotations

import contextvars
from collections import defaultdict

from chat.turns.bus import Message
from chat.turns.bus.base import Receive
from chat.turns.bus.memory import MemoryBus, MemoryNetwork
from chat.turns.bus.messages import decode, encode
from tests.simulation.chance import Chance
from tests.simulation.trace import Trace
from tests.simulation.virtual_time import Process, VirtualLoop, here

USUAL_SECONDS = 0.0008
LONGEST_UNNOTICED_SECONDS = 3.0
"""That the bus is gone is noticed this late at the latest."""


class SimulatedNetwork(MemoryNetwork):
    """In order from one process to another, as the real one; each message at most some times."""

    def __init__(self, loop: VirtualLoop, chance: Chance, trace: Trace) -> None:
        super().__init__()
        self._loop = loop
        self._chance = chance
        self._trace = trace
        self.processes: dict[str, Process] = {}
        self.losing = 0.0
        self.doubling = 0.0
        self.slowness = 1.0
        self.noticed = True
        self._last_arrival: dict[tuple[str, str], float] = defaultdict(float)

    def go_down(self) -> None:
        """From now on all is lost; the processes notice it somewhat later."""
        self.down, self.noticed = True, False
        unnoticed = self._chance.uniform(0, LONGEST_UNNOTICED_SECONDS)
        self._loop.call_later(unnoticed, self._notice, context=contextvars.Context())

    def _notice(self) -> None:
        self.noticed = True

    def come_back(self) -> None:
        """All is well."""
        self.down, self.noticed = False, True

    def stormy(self) -> bool:
        """Whether a message may not arrive, or late."""
        return self.down or self.losing > 0 or self.slowness > 1

    def deliver(self, sender: str, to: str, message: Message) -> bool:
        """Send a message on its way."""
        process = here()
        if process is not None and not process.alive:
            return False
        if self.down:
            return not self.noticed
        if self._chance.happens(self.losing):
            self._trace.note("bus", f"loses {type(message).__name__} {sender} -> {to}")
            return True
        data = encode(message)
        for _ in range(2 if self._chance.happens(self.doubling) else 1):
            self._carry(sender, to, data)
        return True

    def _carry(self, sender: str, to: str, data: bytes) -> None:
        receiver = self.processes.get(to)
        if receiver is None or to not in self.listeners:
            return
        seconds = self._chance.latency(USUAL_SECONDS * self.slowness)
        arrival = max(self._loop.time() + seconds, self._last_arrival[sender, to])
        self._last_arrival[sender, to] = arrival
        self._loop.call_at(arrival, self._take, to, data, context=receiver.context.copy())

    def _take(self, to: str, data: bytes) -> None:
        if to in self.listeners:
            self.listeners[to](decode(data))


class SimulatedBus(MemoryBus):
    """One process's bus."""

    def __init__(self, network: SimulatedNetwork) -> None:
        super().__init__(network)
        self._lines = network

    def start(self, node: str, receive: Receive) -> None:
        """Listen from now on."""
        super().start(node, receive)
        process = here()
        assert process is not None
        self._lines.processes[node] = process

    @property
    def alive(self) -> bool:
        """What is known here, which may be late."""
        lines = self._lines
        return self._node in lines.listeners and not (lines.down and lines.noticed)
