"""Random faults of a relay on real sockets, and clients that leave at any moment."""

from __future__ import annotations

import asyncio
import gc
import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import psutil
from hypothesis import strategies as st

from chat.relay.attempts import Attempt
from chat.relay.client import RelayClient
from chat.relay.errors import RelayError
from chat.relay.settings import RelaySettings, TransportPolicy
from chat.relay.types import Delta
from tests.relay.conftest import CANARY_KEY, REQUEST
from tests.relay.loopback import STREAM, Act, Loopback, goodbye, piece, respond
from tests.relay.wires import MAX_LINE_BYTES, cut, frame_wires, sse_wires

SETTLE_SECONDS = 3.0


class Case(msgspec.Struct, frozen=True):
    """Scripts for the requests of one answer, in order, and when the client leaves: after so many
    events, or after so many turns of the loop; None = it stays.
    """

    policy: TransportPolicy
    scripts: list[list[Act]]
    events: int | None
    turns: int | None


refusals: st.SearchStrategy[list[Act]] = st.one_of(
    st.builds(
        lambda status, body, wait: respond(status, body, Retry_After=wait),
        st.sampled_from([200, 204, 301, 400, 401, 403, 404, 422, 426, 429, 500, 503]),
        st.sampled_from(
            ["", "<html>", "Server is at capacity", f'{{"error": "{CANARY_KEY}"}}']
        ),
        st.sampled_from(["", "0", "5", "soon", "Sat, 21 Nov 2026 12:00:00 GMT", "9" * 400]),
    ),
    st.binary(max_size=60).map(lambda junk: [junk, "close"]),
    st.sampled_from([["close"], ["reset"], ["hang"], [b"HTTP/1.1 101 X\r\n\r\n", "close"]]),
)  # fmt: skip
endings: st.SearchStrategy[list[Act]] = st.sampled_from(
    [["close"], ["reset"], [0.01, "reset"], ["hang"], [goodbye(), "close"], [goodbye(1013), "hang"]]
)


def _streamed(wire: bytes, seed: int, end: list[Act]) -> list[Act]:
    return [STREAM, *(piece(part) for part in cut(wire, seed)), *end]


def _framed(wire: bytes, seed: int, end: list[Act]) -> list[Act]:
    return ["upgrade", *cut(wire, seed), *end]


seeds = st.integers(0, 2**32)
sse_scripts = st.builds(_streamed, sse_wires, seeds, endings | st.just([b"0\r\n\r\n"])) | refusals
frame_scripts = st.builds(_framed, frame_wires, seeds, endings) | refusals
departures = st.none() | st.integers(0, 12)
cases = st.one_of(
    st.builds(Case, st.just("sse"), sse_scripts.map(lambda s: [s]), departures, departures),
    st.builds(Case, st.just("websocket"), frame_scripts.map(lambda s: [s]), departures, departures),
    st.builds(
        Case,
        st.just("auto"),
        st.tuples(frame_scripts, sse_scripts).map(list),
        departures,
        departures,
    ),
)


class Ground:
    """A relay on loopback, and what must be the same before and after each case."""

    def __init__(self, relay: Loopback) -> None:
        self.relay = relay
        self.unhandled: list[dict[str, Any]] = []
        self.descriptors = psutil.Process().num_fds()

    async def play(self, case: Case) -> str:
        """Play one case; returns how it ended: an error's code, "left", or "" for an answer."""
        relay = self.relay
        relay.scripts, relay.received = case.scripts, []
        settings = RelaySettings(
            name="fuzz", base_url=relay.address, api_key=CANARY_KEY, transport=case.policy,
            max_line_bytes=MAX_LINE_BYTES, finish_grace_seconds=0.02, idle_timeout_seconds=0.02,
            first_byte_timeout_seconds=0.02, handshake_timeout_seconds=0.1,
        )  # fmt: skip
        client = RelayClient(settings)
        attempt = Attempt(number=1, relay_name="fuzz", key_label="", request=REQUEST)
        task = asyncio.create_task(_read(client, attempt, case.events))
        try:
            if case.turns is not None:
                for _ in range(case.turns):
                    await asyncio.sleep(0)
                task.cancel()
            outcome = (await asyncio.gather(task, return_exceptions=True))[0]
        finally:
            await client.aclose()
        await self._require_calm()
        if isinstance(outcome, RelayError):
            assert CANARY_KEY not in repr(outcome)
            return outcome.code
        if isinstance(outcome, asyncio.CancelledError):
            return "left"
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def _require_calm(self) -> None:
        await self.relay.until(lambda: self.relay.open_connections == 0, SETTLE_SECONDS)
        await self.relay.until(lambda: len(asyncio.all_tasks()) == 1, SETTLE_SECONDS)
        await self.relay.until(
            lambda: psutil.Process().num_fds() <= self.descriptors, SETTLE_SECONDS
        )
        self.require_all_handled()

    def require_all_handled(self) -> None:
        """Raise what reached the loop's handler since the last time."""
        # Taken away, so that a smaller example is blamed for its own faults alone.
        unhandled, self.unhandled = self.unhandled, []
        said = ["".join(traceback.format_exception(each["exception"])) if "exception" in each
                else repr(each) for each in unhandled]  # fmt: skip
        assert not said, "\n".join(said)


async def _read(client: RelayClient, attempt: Attempt, events: int | None) -> str:
    stream = client.attempt(REQUEST, attempt)
    seen = 0
    try:
        async for event in stream:
            if isinstance(event, Delta):
                (event.content + event.reasoning).encode()
            if seen == events:
                return "left"
            seen += 1
    finally:
        await stream.aclose()
    return ""


@asynccontextmanager
async def ground() -> AsyncIterator[Ground]:
    """A relay to play cases on; what nobody handles is a failure."""
    logging.getLogger("chat.relay").setLevel(logging.CRITICAL)
    relay = Loopback()
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    relay.address = f"http://{host}:{port}/v1"
    found = Ground(relay)
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: found.unhandled.append(context)
    )
    try:
        yield found
        gc.collect()
        found.require_all_handled()
    finally:
        logging.getLogger("chat.relay").setLevel(logging.NOTSET)
        server.close()
        await server.wait_closed()
