"""What carries an answer from the relay to the product, and what each carrier costs.

Run as ``python -m tests.benchmarks.carriers`` (`make bench` does). One process, on a core of its
own and on uvloop as in service, reads streams of the demo relay through the product's transports:
server-sent events over httpx-aiohttp, as shipped; the same over httpx's own transport, which only
this module knows; and WebSocket. Rounds alternate between them: a noisy neighbour meets all alike.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from statistics import median

import httpx
import msgspec
import uvloop

from chat.relay.settings import RelaySettings
from chat.relay.transports.base import Transport
from chat.relay.transports.http import RelayHTTP
from chat.relay.transports.sse import SSETransport
from chat.relay.transports.websocket import WebSocketTransport
from chat.relay.types import ChatRequest, Delta, RelayMessage
from tests.benchmarks.machine import cores, describe, pinned
from tests.processes import ROOT, Child, free_port, wait_for_port
from tests.servers import RELAY_KEY, server_environment

STREAMS = 100
TOKENS_PER_SECOND = 50
BURST_TOKENS = 20_000
MILLION = 1_000_000


class OwnTransportHTTP(RelayHTTP):
    """The product's requests over httpx's own transport."""

    def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = httpx.AsyncClient(
                base_url=self._settings.base_url,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
                timeout=httpx.Timeout(None, connect=self._settings.connect_timeout_seconds),
                trust_env=False,
            )
        return self._clients[loop]


class Cost(msgspec.Struct):
    """Of one carrier, of each round: CPU seconds per million tokens, CPU milliseconds of a whole
    answer of one token, and the time until that token."""

    paced: list[float] = []
    burst: list[float] = []
    burst_tokens_per_second: list[float] = []
    answer_cpu_ms: list[float] = []
    first_token_ms: list[float] = []


CARRIERS: Mapping[str, Callable[[RelaySettings], Transport]] = {
    "SSE, httpx's own transport": lambda s: SSETransport(s, OwnTransportHTTP(s)),
    "SSE, httpx-aiohttp": lambda s: SSETransport(s, RelayHTTP(s)),
    "WebSocket": WebSocketTransport,
}


class Tally:
    """Tokens that came."""

    def __init__(self) -> None:
        self.tokens = 0
        self.streams = 0

    async def read(self, transport: Transport, model: str) -> None:
        """Read one answer to its end."""
        request = ChatRequest(model, (RelayMessage("user", "Go."),), 10**7)
        self.streams += 1
        async with aclosing(transport.stream(request)) as events:
            async for event in events:
                if isinstance(event, Delta) and event.content:
                    self.tokens += 1


async def paced(transport: Transport, seconds: float) -> float:
    """CPU seconds per million tokens while many streams run at the pace of a model."""
    tally = Tally()
    model = f"bench-{MILLION}x{TOKENS_PER_SECOND}"
    readers = [asyncio.create_task(tally.read(transport, model)) for _ in range(STREAMS)]
    while tally.tokens < 2 * STREAMS * TOKENS_PER_SECOND / 5:
        await asyncio.sleep(0.05)
    tokens, cpu = tally.tokens, time.process_time()
    await asyncio.sleep(seconds)
    tokens, cpu = tally.tokens - tokens, time.process_time() - cpu
    for reader in readers:
        reader.cancel()
    await asyncio.wait(readers)
    if tokens < 0.9 * STREAMS * TOKENS_PER_SECOND * seconds:
        print(f"only {tokens} tokens came in {seconds} s", file=sys.stderr)
    return cpu / tokens * MILLION


async def burst(transport: Transport) -> tuple[float, float]:
    """CPU seconds per million tokens of one stream as fast as it goes, and its tokens a second."""
    tally = Tally()
    began, cpu = time.monotonic(), time.process_time()
    await tally.read(transport, f"bench-{BURST_TOKENS}x0")
    cpu, passed = time.process_time() - cpu, time.monotonic() - began
    return cpu / tally.tokens * MILLION, tally.tokens / passed


async def answers(transport: Transport, count: int = 100) -> tuple[float, float]:
    """CPU milliseconds of an answer of one token, and the median time until that token."""
    request = ChatRequest("bench-1x0", (RelayMessage("user", "Go."),), 10)
    times, cpu = [], time.process_time()
    for _ in range(count):
        asked, told = time.monotonic(), 0.0
        async with aclosing(transport.stream(request)) as events:
            async for event in events:
                if isinstance(event, Delta) and event.content:
                    told = time.monotonic()
        times.append(told - asked)
    return (time.process_time() - cpu) / count * 1000, median(times) * 1000


async def measure(port: int, rounds: int, seconds: float) -> dict[str, Cost]:
    """All carriers, again and again."""
    settings = RelaySettings(
        name="bench",
        base_url=f"http://127.0.0.1:{port}/v1",
        api_key=RELAY_KEY,
        turn_timeout_seconds=3600,
        max_answer_bytes=2**30,
        max_wire_bytes=2**34,
    )
    found = {name: Cost() for name in CARRIERS}
    for _ in range(rounds):
        for name, make in CARRIERS.items():
            transport = make(settings)
            await burst(transport)
            cost, speed = await burst(transport)
            found[name].burst.append(cost)
            found[name].burst_tokens_per_second.append(speed)
            cpu_ms, first_ms = await answers(transport)
            found[name].answer_cpu_ms.append(cpu_ms)
            found[name].first_token_ms.append(first_ms)
            found[name].paced.append(await paced(transport, seconds))
            await transport.aclose()
    return found


def table(found: Mapping[str, Cost]) -> str:
    """The medians, and the least and most of the paced rounds."""
    lines = [
        f"{'CPU seconds per million tokens':32}{f'paced, {STREAMS} streams':>20}{'least-most':>14}"
        f"{'burst':>8}{'tokens/s':>10}{'ms CPU an answer':>18}{'ms to 1st token':>17}"
    ]
    for name, cost in found.items():
        spread = f"{min(cost.paced):.1f}-{max(cost.paced):.1f}"
        lines.append(
            f"{name:32}{median(cost.paced):>20.1f}{spread:>14}{median(cost.burst):>8.1f}"
            f"{median(cost.burst_tokens_per_second):>10,.0f}"
            f"{median(cost.answer_cpu_ms):>18.2f}{median(cost.first_token_ms):>17.2f}"
        )
    return "\n".join(lines)


def main() -> int:
    """Print the table, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path, default=ROOT / "var" / "carriers.json")
    options = parser.parse_args()
    rounds, seconds = (2, 2.0) if options.quick else (5, 3.0)
    client_core, relay_core = cores()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="tram-carriers-") as folder:
        relay = Child(
            *("-m", "chat.relay.demo", "--port", str(port), "--first-token-seconds", "0"),
            env=server_environment(Path(folder)),
            log=Path(folder) / "relay.log",
        )
        with pinned(relay_core):
            relay.start()
        try:
            wait_for_port(relay, port)
            with pinned(client_core):
                found = uvloop.run(measure(port, rounds, seconds))
        finally:
            relay.kill()
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2))
    print(f"{describe()}; client on core {client_core}, relay on core {relay_core}\n")
    print(table(found))
    print(f"\nAll figures: {options.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
