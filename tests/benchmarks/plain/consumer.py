"""The consumer that most tutorials arrive at: the other side of every ratio.

No sign-in, no database, no journal, no ledger, no second tab: it does less than the product in all
respects, and only the streaming is compared. It does interrupt, by cancelling its task.
"""

import asyncio
import json
import os
from typing import Any

import httpx
from channels.generic.websocket import AsyncJsonWebsocketConsumer


class PlainConsumer(AsyncJsonWebsocketConsumer):
    """Forwards one message at a time to the relay and sends every token back as JSON."""

    answering: "asyncio.Task[None] | None" = None

    async def receive_json(self, content: dict[str, Any], **_: Any) -> None:
        if content["type"] == "chat":
            self.answering = asyncio.create_task(self.answer(content))
        elif content["type"] == "interrupt" and self.answering is not None:
            self.answering.cancel()

    async def disconnect(self, code: int) -> None:
        if self.answering is not None:
            self.answering.cancel()

    async def answer(self, content: dict[str, Any]) -> None:
        body = {
            "model": content["model"],
            "messages": [{"role": "user", "content": content["content"]}],
            "max_tokens": content["options"]["max_tokens"],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        try:
            async with (
                httpx.AsyncClient(timeout=60) as client,
                client.stream(
                    "POST", os.environ["RELAY_URL"] + "/chat/completions", json=body
                ) as response,
            ):
                async for line in response.aiter_lines():
                    if line.startswith("data: {"):
                        await self.forward(json.loads(line.removeprefix("data: ")))
        finally:
            await self.send_json({"type": "done"})

    async def forward(self, chunk: dict[str, Any]) -> None:
        for choice in chunk["choices"]:
            token = choice["delta"].get("content")
            if token:
                await self.send_json({"type": "chunk", "content": token})
