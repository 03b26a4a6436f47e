"""What is read from the door's streams, checked as a client of the socket checks it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx

from tests.socket_client import Frame, SeenTurn

PATH = "/api/chat/stream"
FRAMES = {"protocol": "tram.v1"}
STREAMING = {"Accept": "text/event-stream"}
LONG = "Write something long"


class Frames:
    """A page's stream, read as far as it is asked."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.seen: list[Frame] = []
        self.turns: dict[str, SeenTurn] = {}
        self.close_code: int | None = None
        self._events = self._read()

    def until(self, wanted: Callable[[Frame], bool]) -> Frame:
        """Read on to the first frame for which `wanted` holds."""
        for frame in self._events:
            if wanted(frame):
                return frame
        raise AssertionError(f"ended with {self.close_code}; seen: {self.seen[-5:]}")

    def type(self, *types: str) -> Frame:
        """Read on to the first frame of one of these types."""
        return self.until(lambda frame: frame["type"] in types)

    def text_of(self, turn: str, characters: int) -> str:
        """Read on until a turn has more text than this."""
        self.until(lambda _frame: len(self.turns.get(turn, SeenTurn()).content) > characters)
        return self.turns[turn].content

    def closed(self) -> int:
        """Read to the end, and return the close code that was told."""
        for _frame in self._events:
            pass
        assert self.close_code is not None
        return self.close_code

    def _read(self) -> Iterator[Frame]:
        event = ""
        for line in self.answer.iter_lines():
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            elif line.startswith("data: "):
                frame = json.loads(line.removeprefix("data: "))
                if event == "close":
                    self.close_code = frame["code"]
                    continue
                self.seen.append(frame)
                if frame["type"] in ("snapshot", "chunk", "done"):
                    self.turns.setdefault(frame["turn"], SeenTurn()).take(frame)
                yield frame
            elif not line:
                event = ""


class Caller:
    """Somebody with a session or a key."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def tell(self, **command: Any) -> httpx.Response:
        """Send one command without a stream."""
        return self.client.post(PATH, params=FRAMES, json=command)

    @contextmanager
    def stream(
        self, *commands: Frame, watch: tuple[Frame, ...] = (), seconds: float = 30.0
    ) -> Iterator[Frames]:
        """Open a page's stream."""
        body = {"watch": list(watch), "commands": list(commands)}
        options: Any = {"params": FRAMES, "json": body, "headers": STREAMING, "timeout": seconds}
        with self.client.stream("POST", PATH, **options) as answer:
            assert answer.status_code == 200, answer.read()
            yield Frames(answer)

    def plain(self, **body: Any) -> tuple[httpx.Response, list[str]]:
        """Ask in the simple form, and read all of the answer."""
        with self.client.stream("POST", PATH, json=body) as answer:
            lines = [line for line in answer.iter_lines() if line]
            return answer, [line.removeprefix("data: ") for line in lines]


def chat(content: str, **fields: Any) -> Frame:
    """A message to be sent."""
    return {"type": "chat", "id": str(uuid4()), "content": content, **fields}


def attach(conversation: str, **place: Any) -> Frame:
    """A conversation to be watched."""
    return {"type": "attach", "conversation": conversation, **place}
