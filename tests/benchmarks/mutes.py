"""What clients that never read cost: the server's memory, and the others' time."""

import asyncio
import re
from collections.abc import Sequence
from statistics import median

import msgspec

from tests.benchmarks import machine
from tests.benchmarks.client import BenchSocket
from tests.benchmarks.figures import Stretch, stretch, tokens_in
from tests.benchmarks.load import RATE, START_SPACING_SECONDS, Bench, acknowledging
from tests.benchmarks.systems import PEOPLE, chat_frame, new_order

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

    Each of those watches a healthy client's stream, and an answer that is longer than its window.
    """
    plan = bench.plan
    healthy = await bench.take(PEOPLE)
    seconds = 3 * plan.windows * plan.window_seconds + 5 * SETTLE_SECONDS + ARRIVAL_SECONDS
    async with acknowledging(healthy):
        await bench.ask_all(healthy, int(RATE * (2 * START_SPACING_SECONDS * PEOPLE + seconds)))
        await asyncio.sleep(SETTLE_SECONDS)
        before_rss = machine.resident_bytes(bench.system.pid)
        alone = [await bench.window() for _ in range(plan.windows)]
        mutes = [
            mute
            for number in range(PEOPLE)
            for mute in await _mutes_of_one(bench, number, healthy[number])
        ]
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


async def _mutes_of_one(bench: Bench, number: int, healthy: BenchSocket) -> list[BenchSocket]:
    """Clients of the `number`th person that watch what there is, ask for more, and read nothing."""
    sockets = [await bench.system.open(number) for _ in range(MUTES // PEOPLE)]
    first = sockets[0]
    frame = chat_frame(new_order(5, 0))
    first.send(frame)
    await first.wait_for(bench.system.done_marker)
    both = [_conversation(await each.wait_for(b'"type":"accepted"')) for each in (healthy, first)]
    for socket in sockets:
        for conversation in both:
            socket.send(b'{"type":"attach","conversation":"%b"}' % conversation)
        await socket.wait_for(b'"attached","conversation":"%b"' % both[-1])
        socket.transport.pause_reading()
    frame = chat_frame(new_order(MUTE_TOKENS, 0))
    first.send(frame[:-1] + b',"conversation":"%b"}' % both[-1])
    return sockets


def _conversation(accepted: bytes) -> bytes:
    found = _CONVERSATION.search(accepted)
    if found is None:
        raise RuntimeError(f"not accepted: {accepted!r}")
    return found[1]


def _p99_ms(stretches: Sequence[Stretch]) -> float:
    return round(median(each.added.p99_ms for each in stretches), 2)
