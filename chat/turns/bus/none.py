"""The bus of a site without Redis: nobody hears anybody, and the database tells everything."""

from chat.turns.bus.base import Receive
from chat.turns.bus.messages import Message


class NoBus:
    """Carries nothing."""

    alive = False

    def start(self, node: str, receive: Receive) -> None:
        """There is nothing to listen to."""

    async def send(self, node: str, message: Message) -> bool:  # noqa: ARG002
        """Nobody hears it."""
        return False

    async def tell_all(self, message: Message) -> bool:  # noqa: ARG002
        """Nobody hears it."""
        return False

    async def aclose(self) -> None:
        """Nothing to give back."""
