"""A process of its own that takes places before a key and keeps them until it is killed."""

import asyncio
import sys
from uuid import uuid4

from chat.relay.gates import Claim
from chat.turns.limits.gate import LimitedGate
from chat.turns.limits.link import Link
from chat.turns.limits.meter import KeyLimits
from chat.turns.limits.shared import SharedMeter


async def main(redis_url: str, name: str, streams: int, lease_seconds: float) -> None:
    """Take all places, say so, and stay."""
    meter = SharedMeter(Link(redis_url), name, lease_seconds=lease_seconds)
    gate = LimitedGate(meter, KeyLimits(concurrent_streams=streams))
    for _ in range(streams):
        async for _ in gate.enter(Claim(uuid4(), 1, uuid4())):
            pass
    sys.stdout.write("taken 1\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
