"""A relay that costs next to nothing: answers of numbered tokens that carry their send time.

What an answer is like stands in the last message of the prompt, as JSON (`Order`). A token's text
is ``#<index>:<time.monotonic_ns() of its write> ``; before the first one comes
``@<monotonic ns at which the request was read> ``. One timer serves all streams, so that the load
is the same for 1 and for 600 of them.

``GET /log`` tells when each request was read and when its connection was seen to close.
"""

import argparse
import asyncio
import heapq
import itertools
import random
import re
import time
from typing import cast

import msgspec
import uvloop

MODEL = "bench"
TICK_SECONDS = 0.001
BURST_TOKENS = 16
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)

CHUNK = (
    b'data: {"id":"bench-1","object":"chat.completion.chunk","created":1790000000,"model":"bench",'
    b'"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}\n\n'
)
END = (
    b'data: {"id":"bench-1","object":"chat.completion.chunk","created":1790000000,"model":"bench",'
    b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"id":"bench-1","object":"chat.completion.chunk","created":1790000000,"model":"bench",'
    b'"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":%d,"total_tokens":%d}}\n\n'
    b"data: [DONE]\n\n"
)
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
)
LAST_PIECE = b"0\r\n\r\n"


class Order(msgspec.Struct):
    """The answer that a prompt asks for; 0 tokens a second is as fast as it is read."""

    key: str
    tokens: int
    tokens_per_second: int = 50
    silent: bool = False


class Seen(msgspec.Struct):
    """What the relay saw of one request, in monotonic nanoseconds."""

    read_ns: int
    closed_ns: int | None = None


class _Message(msgspec.Struct):
    content: str


class _Request(msgspec.Struct):
    messages: list[_Message]


class Pacer:
    """Wakes every stream when its next token is due, from one timer."""

    def __init__(self) -> None:
        self._due: list[tuple[int, int, Answer]] = []
        self._numbers = itertools.count()

    def add(self, due_ns: int, answer: "Answer") -> None:
        heapq.heappush(self._due, (due_ns, next(self._numbers), answer))

    def tick(self) -> None:
        asyncio.get_running_loop().call_later(TICK_SECONDS, self.tick)
        now = time.monotonic_ns()
        while self._due and self._due[0][0] <= now:
            due_ns, _, answer = heapq.heappop(self._due)
            if answer.next():
                self.add(due_ns + answer.interval_ns, answer)


class Answer:
    """One stream on its way out."""

    def __init__(self, connection: "Connection", order: Order, seen: Seen) -> None:
        self.order = order
        self.seen = seen
        rate = order.tokens_per_second
        self.interval_ns = 10**9 // rate if rate else 0
        self._connection = connection
        self._index = 0

    def begin(self) -> None:
        first = b"@%d #0:%d " % (self.seen.read_ns, time.monotonic_ns())
        self._connection.transport.write(HEAD + _piece(CHUNK % first))
        self._index = 1

    def next(self) -> bool:
        """Send the next token; false when it was the last one or nobody reads any more."""
        if self._connection.answer is not self:
            return False
        tokens = self._tokens(1)
        if self._index >= self.order.tokens:
            self._end(tokens)
            return False
        self._connection.transport.write(tokens)
        return True

    async def burst(self) -> None:
        """Send everything as fast as it is read."""
        while self._connection.answer is self:
            await self._connection.writable.wait()
            tokens = self._tokens(min(BURST_TOKENS, self.order.tokens - self._index))
            if self._index >= self.order.tokens:
                self._end(tokens)
                return
            self._connection.transport.write(tokens)
            await asyncio.sleep(0)

    def _tokens(self, count: int) -> bytes:
        start, self._index = self._index, self._index + count
        now = time.monotonic_ns()
        return b"".join(
            _piece(CHUNK % (b"#%d:%d " % (index, now))) for index in range(start, self._index)
        )

    def _end(self, tokens: bytes) -> None:
        total = self.order.tokens
        self._connection.transport.write(tokens + _piece(END % (total, total + 9)) + LAST_PIECE)
        self._connection.answer = None


def _piece(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Connection(asyncio.Protocol):
    """HTTP/1.1, as far as two well-behaved clients need it."""

    transport: asyncio.Transport

    def __init__(self, pacer: Pacer, log: dict[str, Seen]) -> None:
        self._pacer = pacer
        self._log = log
        self._received = b""
        self._burst: asyncio.Task[None] | None = None
        self.answer: Answer | None = None
        self.writable = asyncio.Event()
        self.writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def eof_received(self) -> None:
        self._departed()

    def connection_lost(self, exc: Exception | None) -> None:
        self._departed()

    def _departed(self) -> None:
        if self.answer is not None:
            self.answer.seen.closed_ns = time.monotonic_ns()
            self.answer = None
        self.writable.set()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, gap, rest = self._received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        wanted = int(length[1]) if length else 0
        if not gap or len(rest) < wanted:
            return
        self._received = rest[wanted:]
        if head.startswith(b"POST"):
            self._answer(rest[:wanted])
        elif head.startswith(b"GET /v1/models"):
            self._document({"object": "list", "data": [{"id": MODEL, "object": "model"}]})
        else:
            self._document(self._log)

    def _document(self, document: object) -> None:
        body = msgspec.json.encode(document)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.transport.write(head % len(body) + body)

    def _answer(self, body: bytes) -> None:
        seen = Seen(time.monotonic_ns())
        prompt = msgspec.json.decode(body, type=_Request).messages[-1].content
        order = msgspec.json.decode(prompt, type=Order)
        self._log[order.key] = seen
        self.answer = answer = Answer(self, order, seen)
        if order.silent:
            return
        answer.begin()
        if order.tokens_per_second:
            phase_ns = random.randrange(answer.interval_ns)
            self._pacer.add(time.monotonic_ns() + phase_ns, answer)
        else:
            self._burst = asyncio.ensure_future(answer.burst())


async def serve(port: int) -> None:
    """Serve on loopback until the process is ended."""
    pacer, log = Pacer(), dict[str, Seen]()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(pacer, log), "127.0.0.1", port, backlog=1024
    )
    pacer.tick()
    await server.serve_forever()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    uvloop.run(serve(arguments.parse_args().port))
