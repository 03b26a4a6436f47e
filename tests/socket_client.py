"""A client that speaks the socket's protocol by its rules and checks every frame it gets."""

import asyncio
import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import websockets

Frame = dict[str, Any]
WAIT_SECONDS = 60.0


@dataclass
class SeenTurn:
    """What a client holds of one turn."""

    epoch: int = 0
    seq: int = 0
    content: str = ""
    reasoning: str = ""
    done: Frame | None = None
    behind: int | None = None
    """What the server last sent where it knows less than is held: it had shown text that its
    journal could not store yet."""

    def take(self, frame: Frame) -> None:
        """Apply a snapshot, chunk or done; assert that nothing is missing, doubled or changed."""
        if self._is_known(frame):
            self._compare(frame)
        elif frame["type"] == "snapshot":
            assert frame["content"].startswith(self.content), "a snapshot lost text"
            self.behind = None
            self.content = frame["content"]
            self.reasoning = frame.get("reasoning", "")
            self.seq, self.epoch = frame["seq"], frame["epoch"]
        elif frame["type"] == "chunk":
            assert frame["seq"] == self.seq + 1, f"gap: {self.seq} then {frame['seq']}"
            assert frame["offset"] == len(self.content.encode("utf-16-le")) // 2
            self.seq, self.epoch = frame["seq"], frame["epoch"]
            self.content += frame["content"]
            self.reasoning += frame.get("reasoning", "")
        elif frame["type"] == "done":
            assert self.done is None or self.done == frame, "two ends"
            assert hashlib.sha256(self.content.encode()).hexdigest() == frame["sha256"]
            self.done = dict(frame)

    def _is_known(self, frame: Frame) -> bool:
        """Whether a frame brings nothing that is not held, as a client of a slow journal may see:
        an older snapshot, and the chunks after it."""
        if frame["type"] == "snapshot":
            same = frame["state"] == "running" and frame["epoch"] == self.epoch
            return same and bool(frame["seq"] < self.seq)
        return self.behind is not None and frame["type"] == "chunk" and frame["seq"] <= self.seq

    def _compare(self, frame: Frame) -> None:
        """What is known must be the same text, in its place."""
        if frame["type"] == "snapshot":
            assert self.content.startswith(frame["content"]), "a snapshot of another text"
        else:
            assert self.behind is not None
            assert frame["seq"] == self.behind + 1, f"gap: {self.behind} then {frame['seq']}"
            held = self.content.encode("utf-16-le")[2 * frame["offset"] :]
            assert held.startswith(frame["content"].encode("utf-16-le")), "a chunk of another text"
        self.behind = frame["seq"] if frame["seq"] < self.seq else None


@dataclass
class SocketClient:
    """One open socket. Reads in the background; `wait_for` waits on what has been read."""

    connection: websockets.ClientConnection
    acks: bool = True
    frames: list[Frame] = field(default_factory=list)
    turns: dict[str, SeenTurn] = field(default_factory=dict)
    failure: BaseException | None = None

    @classmethod
    async def open(
        cls, url: str, headers: dict[str, str], *, acks: bool = True, ready: bool = True
    ) -> Self:
        """Connect; by default wait for `ready`."""
        connection = await websockets.connect(
            url,
            additional_headers={k: v for k, v in headers.items() if k != "Origin"},
            origin=headers.get("Origin"),  # type: ignore[arg-type]
            subprotocols=["tram.v1"],  # type: ignore[list-item]
            max_size=None,
            proxy=None,
        )
        client = cls(connection, acks)
        client._changed = asyncio.Condition()  # type: ignore[attr-defined]
        client._reader = asyncio.create_task(client._read())  # type: ignore[attr-defined]
        if ready:
            await client.wait_for(lambda frame: frame["type"] == "ready")
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the socket; what was read stays."""
        await self.connection.close()
        await asyncio.wait({self._reader})  # type: ignore[attr-defined]
        if self.failure is not None:
            raise self.failure

    async def _read(self) -> None:
        try:
            async for text in self.connection:
                frame = json.loads(text)
                await self._take(frame)
                async with self._changed:  # type: ignore[attr-defined]
                    self.frames.append(frame)
                    self._changed.notify_all()  # type: ignore[attr-defined]
        except websockets.ConnectionClosed:
            pass
        except BaseException as error:
            self.failure = error
        async with self._changed:  # type: ignore[attr-defined]
            self._changed.notify_all()  # type: ignore[attr-defined]

    async def _take(self, frame: Frame) -> None:
        if frame["type"] in ("snapshot", "chunk", "done"):
            turn = self.turns.setdefault(frame["turn"], SeenTurn())
            turn.take(frame)
            if self.acks and frame["type"] != "done":
                await self.send(type="ack", turn=frame["turn"], seq=frame["seq"])

    async def send(self, **frame: Any) -> None:
        """Send one command."""
        await self.connection.send(json.dumps(frame))

    async def send_raw(self, text: str | bytes) -> None:
        """Send anything at all."""
        await self.connection.send(text)

    async def wait_for(
        self, wanted: Callable[[Frame], bool], *, after: int = 0, seconds: float = WAIT_SECONDS
    ) -> Frame:
        """The first frame, from the `after`th on, for which `wanted` holds."""
        async with asyncio.timeout(seconds):
            at = after
            while True:
                while at < len(self.frames):
                    if wanted(self.frames[at]):
                        return self.frames[at]
                    at += 1
                if self.failure is not None:
                    raise self.failure
                if self._reader.done():  # type: ignore[attr-defined]
                    raise AssertionError(
                        f"closed with {self.connection.close_code} before the frame came; "
                        f"seen: {self.frames[-5:]}"
                    )
                async with self._changed:  # type: ignore[attr-defined]
                    if at >= len(self.frames) and not self._reader.done():  # type: ignore[attr-defined]
                        await self._changed.wait()  # type: ignore[attr-defined]

    async def wait_closed(self, seconds: float = WAIT_SECONDS) -> int:
        """The close code with which the server ended the socket."""
        async with asyncio.timeout(seconds):
            await self.connection.wait_closed()
        assert self.connection.close_code is not None
        return self.connection.close_code

    async def chat(self, content: str, *, id: str | None = None, **fields: Any) -> Frame:
        """Send a message; gives `accepted`, or the `error` that refused it."""
        id = id or str(uuid.uuid4())
        after = len(self.frames)
        await self.send(type="chat", id=id, content=content, **fields)
        return await self.answer_to(id, after)

    async def answer_to(self, id: str, after: int = 0) -> Frame:
        """`accepted` or `error` for a command's id."""
        return await self.wait_for(
            lambda frame: frame["type"] in ("accepted", "error") and frame.get("id") == id,
            after=after,
        )

    async def done(self, turn: str) -> Frame:
        """The end of a turn."""
        return await self.wait_for(lambda frame: frame["type"] == "done" and frame["turn"] == turn)

    async def first_text(self, turn: str) -> Frame:
        """The first chunk or snapshot of a turn that has text."""
        return await self.wait_for(
            lambda frame: (
                frame["type"] in ("chunk", "snapshot")
                and frame["turn"] == turn
                and bool(frame["content"] or frame.get("reasoning"))
            )
        )
