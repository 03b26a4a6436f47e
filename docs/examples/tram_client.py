"""A client of the socket (tram.v1): asks, reads along, stops, and comes back after a lost line.

TRAM_API_KEY=… python tram_client.py https://tram.example.com "What is a tram?"   (Ctrl-C stops)
"""

import asyncio
import hashlib
import json
import os
import random
import sys
import uuid
from functools import partial

import websockets

PASSING = {"restarting", "rate_limited", "storage_unavailable", "internal_error"}
FOR_GOOD = {4401: "the key is not valid", 4403: "not from this origin", 4409: "not understood"}


class Refused(Exception):
    """The question was refused; `code` is the protocol's, or the code of the close."""

    def __init__(self, code, message):
        super().__init__(f"{message} ({code})")
        self.code = code


class Answer:
    """One answer. `text` is what is held of it, `done` how it ended."""

    def __init__(self, content, **fields):
        self.question = {"type": "chat", "id": str(uuid.uuid4()), "content": content, **fields}
        self.turn = self.conversation = self.done = self._socket = None
        self.text, self._units, self._epoch, self._seq = "", 0, 0, 0
        self._asked = self._stopping = False

    async def follow(self, url, key, tell=None):
        """Ask, and return at the answer's end; `tell(answer)` hears of every change."""
        headers = {"Authorization": f"Bearer {key}"}
        connect = partial(websockets.connect, subprotocols=["tram.v1"], max_size=None)
        attempt = 0
        while True:
            try:
                async with connect(url, additional_headers=headers) as self._socket:
                    await self._read(tell)
                    break
            except websockets.ConnectionClosed as lost:
                if lost.rcvd and lost.rcvd.code in FOR_GOOD:
                    raise Refused(lost.rcvd.code, FOR_GOOD[lost.rcvd.code]) from None
            except (OSError, websockets.InvalidHandshake):  # a TimeoutError is an OSError
                pass
            await asyncio.sleep(random.random() * min(15, 0.125 * 2**attempt))
            attempt += 1

    async def stop(self):
        """Have the answer end where it is, now or as soon as it runs."""
        self._stopping = True
        if self.turn:
            await self._send({"type": "interrupt", "turn": self.turn})

    async def _send(self, command):
        await self._socket.send(json.dumps(command))

    async def _read(self, tell):
        clock, beat_seconds = asyncio.get_running_loop().time, 15
        ping_at, is_ready = clock() + beat_seconds, False
        while not self._is_whole():
            try:
                async with asyncio.timeout_at(ping_at):
                    event = json.loads(await self._socket.recv())
            except TimeoutError:
                if not is_ready:
                    raise
                await self._send({"type": "ping"})
                ping_at = clock() + beat_seconds
                continue
            if event["type"] == "ready":
                is_ready, beat_seconds = True, event["heartbeat_seconds"]
                ping_at, self._asked = clock() + beat_seconds, False
                await self._send(self._attach() if self.turn else self.question)
            else:
                await self._take(event)
                if tell:
                    tell(self)

    async def _take(self, event):
        kind, asked = event["type"], self.question["id"]
        if kind == "accepted" and event["id"] == asked and self.turn is None:
            self.turn, self.conversation = event["turn"], event["conversation"]
            self._epoch = event["epoch"]
            if self._stopping:
                await self.stop()
        elif kind == "error" and (event.get("id") == asked or self._is_ours(event)):
            if event["code"] in PASSING:
                raise TimeoutError  # come back in a moment
            raise Refused(event["code"], event["message"])
        elif kind == "attached":
            self._asked = False
        elif kind == "snapshot" and self._is_ours(event):
            await self._replace(event)
        elif kind == "chunk" and self._is_ours(event):
            await self._add(event)
        elif kind == "done" and self._is_ours(event):
            self.done = event
            if not self._is_whole() and not self._asked:
                await self._send(self._attach(doubted=True))

    def _is_ours(self, event):
        return self.turn is not None and event.get("turn") == self.turn

    async def _replace(self, event):
        place = event["epoch"], event["seq"]
        if event["epoch"] < self._epoch or (
            event["state"] == "running" and place < (self._epoch, self._seq)
        ):
            return
        self.text, self._units = event["content"], units(event["content"])
        self._epoch, self._seq = place
        await self._send({"type": "ack", "turn": self.turn, "seq": self._seq})

    async def _add(self, event):
        place = event["epoch"], event["seq"]
        if place <= (self._epoch, self._seq):
            return
        is_next = place == (self._epoch, self._seq + 1)
        if is_next and event["offset"] == self._units:
            self.text += event["content"]
            self._units += units(event["content"])
            self._seq += 1
            await self._send({"type": "ack", "turn": self.turn, "seq": self._seq})
        elif not self._asked:
            await self._send(self._attach(doubted=is_next or event["epoch"] != self._epoch))

    def _attach(self, doubted=False):
        """Ask for what follows, or, where what is held is `doubted`, for all of it."""
        self._asked = True
        place = {} if doubted else {"epoch": self._epoch, "after": self._seq}
        return {"type": "attach", "conversation": self.conversation, "turn": self.turn, **place}

    def _is_whole(self):
        held = hashlib.sha256(self.text.encode()).hexdigest()
        return self.done is not None and held == self.done["sha256"]


def units(text):
    """The length in UTF-16 code units, which offsets count."""
    return len(text.encode("utf-16-le")) // 2


async def main(site, content):
    """Print an answer as it comes."""
    answer, shown = Answer(content), 0

    def tell(answer):
        nonlocal shown
        print(answer.text[shown:], end="", flush=True)
        shown = len(answer.text)

    loop, stops = asyncio.get_running_loop(), set()
    loop.add_signal_handler(2, lambda: stops.add(asyncio.ensure_future(answer.stop())))
    url = "ws" + site.removeprefix("http").rstrip("/") + "/ws/chat/"
    try:
        await answer.follow(url, os.environ["TRAM_API_KEY"], tell)
    except Refused as refusal:
        sys.exit(f"Refused: {refusal}")
    print(f"\n{answer.done['state']}, {answer.done['cost_nano_usd'] / 1e9:.6f} USD")


if __name__ == "__main__":
    if len(sys.argv) != 3 or "TRAM_API_KEY" not in os.environ:
        sys.exit(__doc__)
    asyncio.run(main(*sys.argv[1:]))
