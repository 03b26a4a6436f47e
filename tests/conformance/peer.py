"""The server's side of one connection: it says what a scenario wants, and checks what it hears."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import websockets
from jsonschema import Draft202012Validator

from chat.protocol import schema

Frame = dict[str, Any]
WAIT_SECONDS = 10.0
TURN = "0198a0aa-0000-7000-8000-000000000001"
CONVERSATION = "0198a0aa-0000-7000-8000-000000000002"
ANSWER = "0198a0aa-0000-7000-8000-000000000003"
QUESTION = "0198a0aa-0000-7000-8000-000000000004"
PIECES = ("A tram ", "(电车 🚋) ", "runs on ", "rails, ", "as cafe\u0301s ", "know.")
TEXT = "".join(PIECES)
LAST = len(PIECES)

commands = Draft202012Validator({**schema.json_schema(), "$ref": "#/$defs/commands"})


class Peer:
    """One connection of a client. Pings are answered; acks are noted in `acked`."""

    def __init__(self, connection: websockets.ServerConnection) -> None:
        self.connection = connection
        self.acked = 0
        self.pings = 0

    async def ready(self, heartbeat_seconds: float = 20.0) -> None:
        """Say that the connection may be used."""
        limits = {
            "max_message_characters": 100_000,
            "max_frame_bytes": 262_144,
            "ack_window_bytes": 262_144,
            "ack_interval_ms": 500,
            "ack_interval_bytes": 65_536,
        }
        person = {"id": 1, "name": "Robot"}
        told = {"protocol": "tram.v1", "user": person, "team": None, "connection": "c"}
        await self.say("ready", **told, limits=limits, heartbeat_seconds=heartbeat_seconds)

    async def say(self, type: str, **fields: Any) -> None:
        """Send an event."""
        await self.connection.send(json.dumps({"type": type, **fields}))

    async def accept(self, chat: Frame, epoch: int = 1) -> None:
        """Say that the turn runs."""
        ids = {"conversation": CONVERSATION, "user_message": QUESTION, "assistant_message": ANSWER}
        told = {"id": chat["id"], **ids, "turn": TURN, "epoch": epoch}
        await self.say("accepted", **told, model="gpt-4.1", hold_nano_usd=1_000_000)

    async def chunks(self, *numbers: int, epoch: int = 1, pieces: Sequence[str] = PIECES) -> None:
        """Send the chunks with these numbers, from 1."""
        for seq in numbers:
            before = "".join(pieces[: seq - 1])
            place = {"seq": seq, "offset": len(before.encode("utf-16-le")) // 2}
            await self.say("chunk", turn=TURN, epoch=epoch, **place, content=pieces[seq - 1])

    async def snapshot(
        self, seq: int, *, epoch: int = 1, state: str = "running", text: str | None = None
    ) -> None:
        """Send all the text up to a chunk."""
        content = "".join(PIECES[:seq]) if text is None else text
        place = {"conversation": CONVERSATION, "assistant_message": ANSWER}
        told = {"turn": TURN, "epoch": epoch, "seq": seq, "content": content, "state": state}
        await self.say("snapshot", **told, **place)

    async def done(self, state: str = "completed", text: str = TEXT) -> None:
        """Say how the turn ended."""
        usage = {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}
        stats = {"ttft_ms": 10, "total_ms": 20, "tokens": 9, "tokens_per_second": 900.0}
        money = {"cost_nano_usd": 96_000, "quality": "reported"}
        told = {"turn": TURN, "state": state, "finish_reason": "stop", "usage": usage, **money}
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        await self.say("done", **told, stats=stats, sha256=sha256)

    async def attached(self) -> None:
        """Say that the conversation is watched."""
        await self.say("attached", conversation=CONVERSATION, turns=[TURN])

    async def expect(self, *types: str) -> Frame:
        """The next command that is neither ack nor ping, which must be one of these types."""
        while True:
            frame = await self.hear()
            if frame["type"] not in ("ack", "ping"):
                assert frame["type"] in types, f"{types} expected, and the client sent {frame}"
                return frame

    async def hear(self) -> Frame:
        """The next command, which must be one of the protocol."""
        async with asyncio.timeout(WAIT_SECONDS):
            frame: Frame = json.loads(await self.connection.recv())
        commands.validate(frame)
        if frame["type"] == "ping":
            self.pings += 1
            await self.say("pong")
        elif frame["type"] == "ack" and frame["turn"] == TURN:
            self.acked = max(self.acked, frame["seq"])
        return frame

    async def hear_until(self, holds: Callable[[], bool], within_seconds: float) -> None:
        """Hear acks and pings until `holds()`; nothing else may come before."""
        async with asyncio.timeout(within_seconds):
            while not holds():
                frame = await self.hear()
                assert frame["type"] in ("ack", "ping"), f"the client sent {frame}"

    def cut(self) -> None:
        """Break the line: no goodbye."""
        self.connection.transport.abort()

    async def close(self, code: int) -> None:
        """Close in order."""
        await self.connection.close(code)


async def resume(peer: Peer, after: int | None, epoch: int = 1) -> None:
    """The client comes back: it must ask for what it lacks, and for nothing else."""
    await peer.ready()
    await is_asked(peer, after, epoch)


async def is_asked(peer: Peer, after: int | None, epoch: int = 1) -> None:
    """The client must attach, from where it stands; None: it must not say where."""
    attach = await peer.expect("attach")
    assert (attach["conversation"], attach["turn"]) == (CONVERSATION, TURN)
    assert attach.get("after") == after, f"{after} expected, and the client sent {attach}"
    if after is not None:
        assert attach.get("epoch") == epoch
    await peer.attached()
