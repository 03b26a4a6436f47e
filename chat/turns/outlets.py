"""Turns of this process, on their way to the clients of others."""

from chat.turns.bus import Bus, Message
from chat.turns.hub import Hub
from chat.turns.live import LiveTurn


class Outlets:
    """Sends what is new of the turns that other processes watch: one message a flush to each."""

    def __init__(self, hub: Hub, bus: Bus, node: str) -> None:
        self._hub = hub
        self._bus = bus
        self._node = node

    def announce(self, turn: LiveTurn) -> None:
        """Tell all processes that a turn runs here from now on."""

    def receive(self, message: Message) -> None:
        """Take what another process says; what is not for outlets is left alone."""

    async def aclose(self) -> None:
        """Send nothing any more."""
