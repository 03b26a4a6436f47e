"""A proxy that lets pages through and no sockets."""

import asyncio
from typing import Any

from tests.journeys.bridge import Bridge

REFUSAL = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class BlockingBridge(Bridge):
    """Leads on like any bridge; while `blocks`, whoever asks for an upgrade is refused, and sockets
    that are open stay so."""

    blocks = True
    refused = 0

    async def _both_ways(self, here: Any, there: Any) -> None:
        try:
            head = await here[0].readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            there[1].close()
            return
        if self.blocks and b"upgrade: websocket" in head.lower():
            self.refused += 1
            here[1].write(REFUSAL)
            await here[1].drain()
            there[1].close()
            return
        there[1].write(head)
        await super()._both_ways(here, there)
