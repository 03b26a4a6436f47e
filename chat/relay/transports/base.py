"""The seam between the client and the ways an answer can travel."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from chat.relay.attempts import Attempt
from chat.relay.types import ChatRequest, RelayEvent


class Transport(Protocol):
    """One way of carrying an answer. Every implementation passes the same contract tests."""

    def stream(
        self, request: ChatRequest, attempt: Attempt | None = None
    ) -> AsyncGenerator[RelayEvent, None]:
        """Make one attempt and yield its events; raises RelayError.

        Into `attempt` it notes `transport`, `status` and `echoed_model` as soon as they are known,
        and `sent` when the relay may have the request.

        An async generator. Closing it, or cancelling the task that waits on it, closes the
        connection to the relay at once, at whatever point it is. After `Finish` it yields at
        most usage reports and ends.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections that are kept open for later requests."""
        ...
