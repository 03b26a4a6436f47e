"""A person's client that loses its connection and comes back at any node, by the protocol."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import websockets

from tests.cluster import Cluster
from tests.faults.stage import TimedClient
from tests.socket_client import Frame, SeenTurn

BACK_SECONDS = 60.0
PAUSE_SECONDS = 0.05


class Reader:
    """Holds what it was shown through any number of connections; asserts that each frame follows
    what it holds. `turns` and `frames` are of all its connections."""

    def __init__(self, cluster: Cluster, username: str = "alice") -> None:
        self.cluster, self.username = cluster, username
        self.at = 0
        self.connections = 0
        self.turns: dict[str, SeenTurn] = {}
        self.frames: list[Frame] = []
        self._conversations: dict[str, str] = {}
        self._client: TimedClient | None = None

    @property
    def client(self) -> TimedClient:
        """The connection of now."""
        assert self._client is not None
        return self._client

    def expects(self, accepted: Frame) -> Frame:
        """Follow this turn from the next connection on; the one that asked follows it anyhow."""
        self._conversations[accepted["turn"]] = accepted["conversation"]
        self.turns.setdefault(accepted["turn"], SeenTurn(epoch=accepted["epoch"]))
        return accepted

    async def connect(self, at: int) -> Reader:
        """Open a socket at a node and say what is held of the turns that have not ended here."""
        node = self.cluster[at]
        headers = await asyncio.to_thread(self.cluster.headers, self.username, at)
        client = await TimedClient.open(node.ws_url, headers)
        self.frames += client.frames
        client.frames, client.turns = self.frames, self.turns
        self._client, self.at = client, at
        self.connections += 1
        for turn, conversation in self._conversations.items():
            seen = self.turns[turn]
            if seen.done is None:
                await self._attach(turn, conversation)
        return self

    async def watch(self, accepted: Frame) -> None:
        """Follow a turn of somebody else's on the connection of now."""
        self.expects(accepted)
        await self._attach(accepted["turn"], accepted["conversation"])

    async def _attach(self, turn: str, conversation: str) -> None:
        """A client that holds nothing asks for a snapshot."""
        seen = self.turns[turn]
        held = {"epoch": seen.epoch, "after": seen.seq} if seen.seq else {}
        await self.client.send(type="attach", conversation=conversation, turn=turn, **held)

    async def ask(self, content: str, model: str = "gpt-4.1", **fields: Any) -> Frame:
        """Send a message; gives `accepted`, with the time of the send."""
        asked_ns = time.monotonic_ns()
        accepted = await self.client.chat(content, model=model, **fields)
        assert accepted["type"] == "accepted", accepted
        return self.expects(accepted) | {"asked_ns": asked_ns}

    async def drop(self) -> None:
        """Lose the connection, as in a tunnel: nobody says goodbye."""
        self.client.connection.transport.abort()
        await self._ended()

    async def holds(self, turn: str, characters: int) -> None:
        """Wait until so much of the turn's text, or its end, is here."""
        seen = self.turns[turn]
        if len(seen.content) < characters and seen.done is None:
            await self.client.wait_for(
                lambda _: len(seen.content) >= characters or seen.done is not None,
                after=len(self.frames),
            )

    async def finish(self, turn: str) -> Frame:
        """The end of a turn, through as many connections as it takes."""
        while (done := self.turns[turn].done) is None:
            try:
                await self.client.done(turn)
            except AssertionError:
                if self.client.failure is not None:
                    raise
                await self.come_back()
        return done

    async def come_back(self) -> None:
        """Connect anew: to the next node that lets us in."""
        await self._ended()
        async with asyncio.timeout(BACK_SECONDS):
            for turn in range(1, 10**9):
                try:
                    await self.connect((self.at + turn) % len(self.cluster))
                except (OSError, websockets.InvalidHandshake, websockets.ConnectionClosed):
                    await asyncio.sleep(PAUSE_SECONDS)
                except AssertionError:
                    # Let in and shown out before it was ready: the node drains.
                    await asyncio.sleep(PAUSE_SECONDS)
                else:
                    return

    async def close(self) -> None:
        """Close the socket; what was read stays."""
        if self._client is not None:
            await self._client.close()

    async def _ended(self) -> None:
        """Wait for the connection's end, and fail with what its reader found."""
        await self.client.connection.wait_closed()
        await self.client.close()
