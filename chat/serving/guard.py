"""Daphne's server with bounds on what clients can cost it."""

from typing import Any

from daphne.server import Server

from chat.serving.connections import GuardedFactory
from chat.serving.pressure import PatientSocket


class GuardedServer(Server):  # type: ignore[misc]
    """Daphne's server, of which slow and hostile clients can take only so much."""

    def guard(self) -> None:
        """Put the bounds in place; called before the server listens."""
        self.http_factory = GuardedFactory(self)
        self.ws_factory.protocol = PatientSocket

    async def handle_reply(self, protocol: Any, message: Any) -> None:
        """Give the client what the application sends, once it has read what was sent before."""
        if message["type"] == "websocket.send":
            await protocol.drained()
        elif message["type"] == "http.response.body" and protocol.channel is not None:
            await protocol.channel.drained(protocol)
        await super().handle_reply(protocol, message)
