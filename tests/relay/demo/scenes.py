"""What the tests of faults share: asking for a fault by its model, and how a socket ended."""

import json

import httpx
from websockets.exceptions import ConnectionClosed

from chat.relay.demo import DemoRelay
from chat.relay.demo.pieces import cut
from chat.relay.demo.repertoire import answer_to
from tests.relay.demo.client import body, http, websocket

HELLO = answer_to("hello", "hello", "x")
EIGHT = "".join(cut(HELLO)[:8])
BROKEN_OFF = "lost"


def fault(name: str, prompt: str = "hello", **more: object) -> dict[str, object]:
    return body(prompt, model=f"fault-{name}", **more)


async def refused(relay: DemoRelay, name: str) -> httpx.Response:
    async with http() as client:
        return await client.post(relay.base_url + "/chat/completions", json=fault(name))


async def until_closed(relay: DemoRelay, name: str) -> tuple[list[str], ConnectionClosed]:
    """Text frames up to the close of the WebSocket, heartbeats left out."""
    received: list[str] = []
    async with websocket(relay, fault(name)) as client:
        try:
            while True:
                received.append(str(await client.recv()))
        except ConnectionClosed as closed:
            return [text for text in received if text != "ping"], closed


def parsed(texts: list[str]) -> list[dict[str, object]]:
    return [json.loads(text) for text in texts]
