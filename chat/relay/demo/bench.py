"""Answers for benchmarks: as many tokens at the rate that the model's name asks for.

The content of each chunk is ``<index>:<time.monotonic_ns() of its write> ``, so that a reader on
the same machine can take the latency of every token. JSON is encoded once, not per token.
"""

import asyncio
import re
import time

from chat.relay.demo import acts as do
from chat.relay.demo.acts import Script
from chat.relay.demo.outlets import Outlet
from chat.relay.demo.record import RequestRecord

_NAME = re.compile(r"bench-(\d{1,8})x(\d{1,6})")


def bench_named(model: str) -> Script | None:
    """Make the script of a model named ``bench-<tokens>x<tokens per second>``."""
    match = _NAME.fullmatch(model)
    if match is None:
        return None
    stream = do.Bench(int(match[1]), int(match[2]))
    return Script(model, (stream, do.Finish(), do.Report(), do.Done(), do.End()))


async def generate(
    tokens: int, tokens_per_second: int, outlet: Outlet, record: RequestRecord
) -> None:
    """Send the tokens; the caller opens and finishes the answer."""
    loop = asyncio.get_running_loop()
    before, after = outlet.envelope.content_frame
    before += b'"'
    after = b' "' + after
    interval = 1 / tokens_per_second if tokens_per_second else 0.0
    due = loop.time()
    for index in range(tokens):
        if interval:
            due += interval
            await asyncio.sleep(max(0.0, due - loop.time()))
        now = time.monotonic_ns()
        if index == 0:
            record.first_token_monotonic_ns = now
        record.tokens_generated += 1
        await outlet.events([b"%b%d:%d%b" % (before, index, now, after)])
        if not interval and index % 64 == 63:
            await asyncio.sleep(0)
