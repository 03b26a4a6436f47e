"""What clients that never read cost: the server's memory, and the others' time."""

import asyncio
import json
import re
from collections.abc import Sequence
from statistics import median

import msgspec

from tests.benchmarks import machine
from tests.benchmarks.client import BenchSocket
from tests.benchmarks.figures import Stretch, stretch, tokens_in
from tests.benchmarks.load import RATE, START_SPACING_SECONDS, Bench, acknowledging
from tests.benchmarks.systems import PEOPLE, chat_frame

MUTES = 100
# More than a window of unacknowledged chunks holds.
MUTE_TOKENS = 12_000
# After ACK_TIMEOUT_SECONDS they are closed; the windows beside them are over by then.
SETTLE_SECONDS = 4.0
# In which all of them connect and ask, on a busy machine.
ARRIVAL_SECONDS = 40.0
_CONVERSATION = re.compile(rb'"conversation":"([^"]+)"')


class Beside(msgspec.Struct, frozen=True):
    """Healthy clients without and with others that never read beside them."""

    mutes: int
    streams: int
    extra_rss_mib: float
    p99_without_ms: float
    p99_with_ms: float

    @property
    def p99_ratio(self) -> float:
        """The p99 of the healthy ones with the others, as a multiple of that without."""
        return self.p99_with_ms / self.p99_without_ms


async def beside_mutes(bench: Bench) -> Beside:
    """Measure paced streams of healthy clients: alone, beside clients that never read, alone.

    Each of those asks for an answer that is longer than its window and watches a healthy client's
    stream as well.
    """
    plan = bench.plan
    healthy = await bench.take(PEOPLE)
    seconds = 3 * plan.windows * plan.window_seconds + 5 * SETTLE_SECONDS + ARRIVAL_SECONDS
    async with acknowledging(healthy):
        await bench.ask_all(healthy, int(RATE * (2 * START_SPACING_SECONDS * PEOPLE + seconds)))
        await asyncio.sleep(SETTLE_SECONDS)
        before_rss = machine.resident_bytes(bench.system.pid)
        alone = [await bench.window() for _ in range(plan.windows)]
        mutes = [await _mute(bench, number, healthy) for number in range(MUTES)]
        await asyncio.sleep(SETTLE_SECONDS)
        beside = [await bench.window() for _ in range(plan.windows)]
        extra_rss = machine.resident_bytes(bench.system.pid) - before_rss
        for mute in mutes:
            mute.close()
        await asyncio.sleep(SETTLE_SECONDS)
        alone += [await bench.window() for _ in range(plan.windows)]
        answers = [tokens_in(socket.frames) for socket in healthy]
        await bench.stop_all(healthy)
    without = [stretch(answers, window) for window in alone]
    with_mutes = [stretch(answers, window) for window in beside]
    return Beside(MUTES, PEOPLE, round(extra_rss / 2**20, 1), _p99_ms(without), _p99_ms(with_mutes))


async def _mute(bench: Bench, number: int, healthy: Sequence[BenchSocket]) -> BenchSocket:
    """A client of the same person as a healthy one: it watches, asks, and reads nothing more."""
    socket = await bench.system.open(number)
    watched = _CONVERSATION.search(await healthy[number % PEOPLE].wait_for(b'"id":'))
    if watched is None:
        raise RuntimeError("no conversation to watch")
    attach = {"type": "attach", "conversation": watched[1].decode()}
    socket.send(json.dumps(attach).encode())
    _, frame = chat_frame(MUTE_TOKENS, 0)
    socket.send(frame)
    await socket.wait_for(b'"type":"accepted"')
    socket.transport.pause_reading()
    return socket


def _p99_ms(stretches: Sequence[Stretch]) -> float:
    return round(median(each.added.p99_ms for each in stretches), 2)
