"""Turns of other processes, as the clients of this one see them."""

from collections.abc import Collection
from uuid import UUID

from chat.turns.broadcast import Broadcast
from chat.turns.bus import Bus, Message
from chat.turns.hub import Hub
from chat.turns.reading import TurnReader


class Mirrors:
    """Follows the watched turns of other processes: by the bus at once, by the journal where the
    bus lost something or is away."""

    def __init__(
        self, hub: Hub, bus: Bus, reader: TurnReader, node: str, poll_seconds: float
    ) -> None:
        self._hub = hub
        self._bus = bus
        self._reader = reader
        self._node = node
        self._poll_seconds = poll_seconds

    def start(self) -> None:
        """Begin to follow, in a task owned by this object until `aclose`."""

    async def open(self, conversation_id: UUID) -> Collection[Broadcast]:
        """Follow the turns that run elsewhere in a conversation, and give them once what is stored
        of them is here. Raises django.db.Error."""
        raise NotImplementedError

    def receive(self, message: Message) -> None:
        """Take what another process says; what is not for mirrors is left alone."""

    async def aclose(self) -> None:
        """Follow nothing any more."""
