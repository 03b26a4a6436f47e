"""The double: several processes' buses in one event loop, which may lose what they carry."""

import asyncio
from collections.abc import Callable

from chat.turns.bus.base import Receive
from chat.turns.bus.messages import Message, decode, encode


class MemoryNetwork:
    """Joins buses. `loses(from, to)` decides for each message whether it gets lost; `down` loses
    all and makes every bus know it."""

    def __init__(self, loses: Callable[[str, str], bool] = lambda _from, _to: False) -> None:
        self.loses = loses
        self.down = False
        self.listeners: dict[str, Receive] = {}
        self.carried: list[tuple[str, str, Message]] = []

    def deliver(self, sender: str, to: str, message: Message) -> bool:
        """Hand over a message at the next turn of the event loop."""
        if self.down:
            return False
        self.carried.append((sender, to, message))
        if to in self.listeners and not self.loses(sender, to):
            # Through bytes, as on the real bus.
            asyncio.get_running_loop().call_soon(self._arrive, to, encode(message))
        return True

    def _arrive(self, to: str, data: bytes) -> None:
        if to in self.listeners:
            self.listeners[to](decode(data))


class MemoryBus:
    """One process's bus."""

    def __init__(self, network: MemoryNetwork) -> None:
        self._network = network
        self._node = ""

    def start(self, node: str, receive: Receive) -> None:
        """Listen from now on."""
        self._node = node
        self._network.listeners[node] = receive

    @property
    def alive(self) -> bool:
        """Whether the network is up."""
        return not self._network.down and self._node in self._network.listeners

    async def send(self, node: str, message: Message) -> bool:
        """Give a message to one process."""
        return self._network.deliver(self._node, node, message)

    async def tell_all(self, message: Message) -> bool:
        """Give a message to all others."""
        others = [node for node in self._network.listeners if node != self._node]
        went_out = [self._network.deliver(self._node, node, message) for node in others]
        return all(went_out)

    async def aclose(self) -> None:
        """Listen no more."""
        self._network.listeners.pop(self._node, None)
