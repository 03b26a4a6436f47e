"""The fuzz run: `python -m tests.relay.fuzz --minutes 10`, or `make fuzz MINUTES=10`.

Random wires cut at random places, through the code of both transports in memory, and random faults
and departures on real sockets, by turns until the time is over. Exit status 1 and the smallest
failing example when one was found; else what was done.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable

import psutil
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.relay import properties
from tests.relay.fault_scripts import Case, Ground, cases, ground
from tests.relay.wires import frame_wires, many_texts, sse_wires

EXAMPLES_EACH = 300
seeds = st.integers(0, 2**32)
round_of = settings(
    max_examples=EXAMPLES_EACH,
    deadline=None,
    database=None,
    derandomize=False,
    suppress_health_check=list(HealthCheck),
)


class Run:
    """Rounds of all properties on one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, played_on: Ground) -> None:
        self.done: Counter[str] = Counter()
        self._loop = loop
        self._ground = played_on

    def properties(self) -> list[Callable[[], None]]:
        """The properties to check by turns, each a round of examples."""

        @round_of
        @given(wire=sse_wires, seed=seeds)
        def event_streams(wire: bytes, seed: int) -> None:
            properties.events_do_not_depend_on_where_bytes_are_cut(wire, seed)
            self.done["cuts of event streams"] += properties.SPLITS

        @round_of
        @given(wire=frame_wires, seed=seeds)
        def frames(wire: bytes, seed: int) -> None:
            properties.events_do_not_depend_on_where_frames_are_cut(self._loop, wire, seed)
            self.done["cuts of WebSocket frames"] += properties.SPLITS

        @round_of
        @given(texts=many_texts, seed=seeds)
        def texts_in_fragments(texts: list[str], seed: int) -> None:
            properties.text_survives_fragments(self._loop, texts, seed)
            self.done["fragmented texts"] += 1

        @round_of
        @given(case=cases)
        def faults(case: Case) -> None:
            ended = self._loop.run_until_complete(self._ground.play(case))
            self.done[f"faults by {case.policy}"] += 1
            self.done[f"ended: {ended or 'answered'}"] += 1

        return [event_streams, frames, texts_in_fragments, faults]


def run(minutes: float) -> Run:
    """Check by turns until the time is over; raises what the first failing example raises."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        playing = ground()
        found = Run(loop, loop.run_until_complete(playing.__aenter__()))
        try:
            end = time.monotonic() + minutes * 60
            while time.monotonic() < end:
                for check in found.properties():
                    check()
        finally:
            loop.run_until_complete(playing.__aexit__(None, None, None))
        return found


def main() -> int:
    """Parse the arguments, run, and tell what was done."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    minutes = parser.parse_args().minutes
    before = psutil.Process().memory_info().rss
    found = run(minutes)
    for what, count in sorted(found.done.items()):
        print(f"{count:>10,}  {what}")
    grown = (psutil.Process().memory_info().rss - before) / 2**20
    print(f"No unhandled error in {minutes:g} minutes; {grown:.1f} MiB more memory than before.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
