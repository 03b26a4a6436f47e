"""The seam to the bus."""

from collections.abc import Callable
from typing import Protocol

from chat.turns.bus.messages import Message

Receive = Callable[[Message], None]


class Bus(Protocol):
    """Carries messages between processes: at most once, in order from one process to another."""

    def start(self, node: str, receive: Receive) -> None:
        """Begin to listen as `node`. `receive` is called on the event loop for each message of
        others; it must be quick. After a gap in listening nothing is said again: ask `alive`."""

    @property
    def alive(self) -> bool:
        """Whether messages of others arrive here, as far as is known now."""

    async def send(self, node: str, message: Message) -> bool:
        """Give a message to one process; false if it surely did not go out. Never raises."""

    async def tell_all(self, message: Message) -> bool:
        """Give a message to every process but this one; false if it surely did not go out."""

    async def aclose(self) -> None:
        """Stop listening and give back all connections."""
