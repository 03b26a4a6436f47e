"""A plain client of a relay, which knows nothing of the product: what came over the wire."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from chat.relay.demo import DemoRelay

KEY = {"Authorization": "Bearer hs_demo"}


def body(prompt: str = "short", model: str = "gpt-4.1", **more: Any) -> dict[str, Any]:
    """A streamed request that wants its usage."""
    messages = [{"role": "user", "content": prompt}]
    options = {"include_usage": True}
    return {"model": model, "messages": messages, "stream": True, "stream_options": options} | more


@asynccontextmanager
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(headers=KEY, timeout=10) as client:
        yield client


@asynccontextmanager
async def stream(relay: DemoRelay, request: dict[str, Any]) -> AsyncIterator[httpx.Response]:
    async with (
        http() as client,
        client.stream("POST", relay.base_url + "/chat/completions", json=request) as response,
    ):
        yield response


async def sse(relay: DemoRelay, request: dict[str, Any]) -> bytes:
    async with stream(relay, request) as response:
        assert response.status_code == 200
        return await response.aread()


async def sse_until_broken(relay: DemoRelay, request: dict[str, Any]) -> tuple[bytes, Exception]:
    """What came before the connection broke, and how it broke."""
    received = bytearray()
    try:
        async with stream(relay, request) as response:
            async for data in response.aiter_raw():
                received += data
    except httpx.TransportError as error:
        return bytes(received), error
    raise AssertionError("the stream ended in order")


@asynccontextmanager
async def websocket(relay: DemoRelay, request: dict[str, Any]) -> AsyncIterator[ClientConnection]:
    async with connect(
        relay.websocket_url, additional_headers=KEY, max_size=None, close_timeout=0.5
    ) as client:
        await client.send(json.dumps(request))
        yield client


async def frames(client: ClientConnection) -> list[dict[str, Any]]:
    """All chunks up to the usage, heartbeats skipped."""
    chunks = []
    async for text in client:
        if text not in ("ping", "pong"):
            chunks.append(json.loads(text))
            if chunks[-1].get("usage"):
                break
    return chunks


def payloads(received: bytes) -> list[str]:
    """Data of each SSE event; lines may end in LF, CR LF or CR."""
    lines = received.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return [line[6:].decode() for line in lines if line.startswith(b"data: ")]


def chunks(received: bytes) -> list[dict[str, Any]]:
    """The chunks of an SSE body, what is not JSON left out."""
    found = []
    for payload in payloads(received):
        try:
            found.append(json.loads(payload))
        except ValueError:
            continue
    return found


def said(found: list[dict[str, Any]], field: str = "content") -> str:
    """The text of all deltas."""
    deltas = [choice["delta"] for chunk in found for choice in chunk.get("choices", [])]
    return "".join(delta.get(field) or "" for delta in deltas)


def finish_reasons(found: list[dict[str, Any]]) -> list[str]:
    choices = [choice for chunk in found for choice in chunk.get("choices", [])]
    return [choice["finish_reason"] for choice in choices if choice["finish_reason"]]


def usages(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [chunk["usage"] for chunk in found if chunk.get("usage")]


def pieces(found: list[dict[str, Any]]) -> int:
    """How many chunks carried a piece of the answer."""
    deltas = [choice["delta"] for chunk in found for choice in chunk.get("choices", [])]
    return sum(bool(d.get("content") or d.get("reasoning_content")) for d in deltas)
