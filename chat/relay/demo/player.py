"""Plays a script for one request: the acts in order, the pieces counted in the record."""

import asyncio
import math
import time
from typing import Any

from chat.relay.demo import acts as do
from chat.relay.demo import bench
from chat.relay.demo.acts import AnyAct, Script
from chat.relay.demo.counting import Counting
from chat.relay.demo.order import Order
from chat.relay.demo.outlets import Outlet, Piece
from chat.relay.demo.pace import Pace
from chat.relay.demo.pieces import cut
from chat.relay.demo.record import RequestRecord

_LINE_PART_BYTES = 64 * 1024


class Player:
    """Plays one script into one outlet; cancelled when the client leaves."""

    def __init__(
        self,
        outlet: Outlet,
        order: Order,
        record: RequestRecord,
        answer: list[Piece],
        pace: Pace,
        counting: Counting,
        heartbeat_seconds: float,
    ) -> None:
        self._outlet = outlet
        self._order = order
        self._record = record
        self._left = answer
        self._next = 0
        self._pace = pace
        self._counting = counting
        self._said: list[str] = []
        self._heartbeat_seconds = heartbeat_seconds
        self._headers = {"X-Request-Id": record.request_id}
        self._is_open = False
        self._was_cut = False

    async def play(self, script: Script) -> None:
        """Do every act in order."""
        for act in script.acts:
            await self._do(act)

    async def _do(self, act: AnyAct) -> None:
        match act:
            case do.Header(name, value):
                self._headers[name] = value
            case do.Status():
                self._refuse(act)
            case do.Name(model):
                self._outlet.envelope.rename(model)
            case do.Text(text):
                self._left, self._next = [Piece(piece) for piece in cut(text)], 0
            case do.Trickle(bytes_each, pause_seconds):
                self._outlet.packet_bytes = bytes_each
                self._outlet.pause_seconds = pause_seconds
            case do.Lines():
                self._outlet.line_endings(act)
            case do.Hang(before_head=True):
                await asyncio.Event().wait()
            case _:
                await self._do_in_stream(act)

    async def _do_in_stream(self, act: AnyAct) -> None:
        await self._open()
        match act:
            case do.Say():
                await self._say(act)
            case do.Bench():
                await self._bench(act)
            case do.Call(name, arguments):
                await self._call(name, arguments)
            case do.Flood(text):
                await self._flood(text)
            case do.Finish(reason):
                await self._finish(reason)
            case do.Report():
                await self._report(act)
            case do.Done():
                await self._outlet.done()
            case do.End() | do.Close() | do.Drop() | do.Reset():
                await self._stop(act)
            case _:
                await self._send(act)

    async def _send(self, act: AnyAct) -> None:
        match act:
            case do.Wait(seconds):
                await asyncio.sleep(seconds)
            case do.Hang():
                await asyncio.Event().wait()
            case do.Event(text):
                await self._outlet.events([text.encode()])
            case do.Send(data, delay_seconds):
                await asyncio.sleep(delay_seconds)
                await self._outlet.raw(data)
            case do.LongLine(length_bytes):
                await self._long_line(length_bytes)

    async def _stop(self, act: AnyAct) -> None:
        if self._record.state == "open":
            self._record.state = "broken"
        match act:
            case do.End():
                self._outlet.end()
            case do.Close(code):
                self._outlet.close(code)
            case do.Drop():
                self._outlet.connection.close()
            case do.Reset():
                await self._outlet.connection.reset()

    def _refuse(self, act: do.Status) -> None:
        self._record.status = act.status
        self._record.state = "refused"
        self._outlet.refuse(act, self._headers | act.headers)

    async def _open(self) -> None:
        if not self._is_open:
            self._is_open = True
            await self._outlet.open(self._headers)

    async def _say(self, act: do.Say) -> None:
        left = len(self._left) - self._next if act.tokens is None else act.tokens
        limit = self._order.max_tokens
        heartbeat = asyncio.get_running_loop().time() + self._heartbeat_seconds
        while left > 0:
            ceiling = left
            if limit is not None and not act.ignores_max_tokens:
                ceiling = min(left, limit - self._record.tokens_generated)
            pieces = self._left[self._next : self._next + min(self._pace.burst(), ceiling)]
            if ceiling <= 0 or not pieces:
                return
            await self._pace.wait(len(pieces))
            self._count(pieces)
            await self._outlet.pieces(pieces)
            self._next += len(pieces)
            left -= len(pieces)
            if asyncio.get_running_loop().time() > heartbeat:
                heartbeat += self._heartbeat_seconds
                await self._outlet.heartbeat()

    async def _bench(self, act: do.Bench) -> None:
        limit = self._order.max_tokens
        tokens = act.tokens if limit is None else min(act.tokens, limit)
        self._left, self._next, self._was_cut = [], 0, tokens < act.tokens
        await bench.generate(tokens, act.tokens_per_second, self._outlet, self._record)

    async def _call(self, name: str, arguments: str) -> None:
        envelope, pieces = self._outlet.envelope, cut(arguments)
        self._left, self._next = [], 0
        self._count([Piece(name), *map(Piece, pieces)])
        begun = {"name": name, "arguments": ""}
        chunks = [envelope.call(begun, f"call_{self._record.request_id}")]
        chunks += [envelope.call({"arguments": piece}) for piece in pieces]
        await self._outlet.events(chunks)

    async def _flood(self, text: str) -> None:
        if self._outlet.via == "json":
            await asyncio.Event().wait()
        piece = [Piece(text)] * 100
        while True:
            self._count(piece)
            await self._outlet.pieces(piece)
            await asyncio.sleep(0)

    def _count(self, pieces: list[Piece]) -> None:
        record = self._record
        record.tokens_generated += len(pieces)
        record.reasoning_tokens += sum(piece.is_reasoning for piece in pieces)
        if self._counting.by_model:
            self._said += [piece.text for piece in pieces]
        if record.first_token_monotonic_ns is None:
            record.first_token_monotonic_ns = time.monotonic_ns()

    async def _finish(self, reason: str | None) -> None:
        was_cut = self._was_cut or self._next < len(self._left)
        self._record.state = "completed"
        await self._outlet.finish(reason or ("length" if was_cut else "stop"))

    async def _report(self, act: do.Report) -> None:
        if not self._order.include_usage and self._outlet.via != "json":
            return
        generated = self._counting.answer(
            self._order.model, self._record.tokens_generated, self._said
        )
        tokens = math.ceil(generated * act.factor)
        if act.tokens is not None:
            tokens = act.tokens
        if act.times_max_tokens is not None:
            tokens = act.times_max_tokens * (self._order.max_tokens or 1_000)
        self._record.usage_reported = True
        prompt_tokens = self._counting.prompt(self._order.model, self._order.messages)
        prompt_tokens = math.ceil(prompt_tokens * act.prompt_factor)
        await self._outlet.usage(self._usage(prompt_tokens, tokens))

    def _usage(self, prompt_tokens: int, completion_tokens: int) -> dict[str, Any]:
        return {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": self._record.reasoning_tokens},
        }

    async def _long_line(self, length_bytes: int) -> None:
        if self._outlet.via == "websocket":
            await self._outlet.raw(b"x" * length_bytes)
            return
        for start in range(0, length_bytes, _LINE_PART_BYTES):
            await self._outlet.raw(b"x" * min(_LINE_PART_BYTES, length_bytes - start))
        await self._outlet.raw(b"\n\n")
