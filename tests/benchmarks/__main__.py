"""`make bench`: measure Tram and the plain consumer on this machine, one after the other."""

import argparse
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import uvloop

from tests.benchmarks import machine
from tests.benchmarks.load import Bench, Plan
from tests.benchmarks.mutes import beside_mutes
from tests.benchmarks.report import Measured, Run, goals, is_smooth, table
from tests.benchmarks.systems import BenchRelay, Plain, System, Tram
from tests.processes import ROOT

FULL = Plan(windows=3, window_seconds=4.0, samples=40, idle_connections=200, burst_tokens=40_000)
QUICK = Plan(windows=1, window_seconds=2.5, samples=10, idle_connections=50, burst_tokens=10_000)
FULL_STREAMS = {
    "Tram": (1, 50, 100, 200, 300, 400),
    "plain": (1, 50, 100, 150),
}
QUICK_STREAMS = {"Tram": (100, 200), "plain": (100,)}


async def measure(
    system: System, relay: BenchRelay, plan: Plan, loads: tuple[int, ...]
) -> Measured:
    """Take all figures of a running system; stop after two loads that it could not serve."""
    found = Measured(system.name, round(machine.resident_bytes(system.pid) / 10**6, 1))
    bench = Bench(system, relay, plan)
    try:
        await bench.warm_up()
        found.idle_connection_kib = await bench.idle_kib()
        found.first_token_added = await bench.first_token()
        found.interrupt = await bench.interrupts(silent=False)
        found.interrupt_before_first_byte = await bench.interrupts(silent=True)
        found.burst_tokens_per_second = round(await bench.burst())
        for streams in loads:
            _say(f"{system.name}: {streams} streams")
            found.paced.append(await bench.paced(streams))
            if len(found.paced) > 1 and not any(map(is_smooth, found.paced[-2:])):
                break
        if isinstance(system, Tram):
            _say("clients that never read")
            found.beside_mutes = await beside_mutes(bench)
    finally:
        bench.close()
    return found


def run(*, quick: bool) -> Run:
    """Start everything on its core, measure, and end it; raises when something does not run."""
    server_core, load_core = machine.cores()
    plan = QUICK if quick else FULL
    streams = QUICK_STREAMS if quick else FULL_STREAMS
    about = f"{machine.describe()}; server on core {server_core}, load on core {load_core}"
    started = datetime.now(UTC).isoformat(timespec="seconds")
    with (
        tempfile.TemporaryDirectory(prefix="tram-bench-") as folder,
        BenchRelay(Path(folder), load_core) as relay,
    ):
        _say("setting up")
        tram, plain = (kind(Path(folder), server_core, relay) for kind in (Tram, Plain))
        with machine.pinned(load_core):
            with plain:
                its = uvloop.run(measure(plain, relay, plan, streams["plain"]))
            with tram:
                mine = uvloop.run(measure(tram, relay, plan, streams["Tram"]))
    return Run(started, about, quick, mine, its)


def main() -> int:
    """Print the table, keep the figures; with --check, status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute, rougher figures")
    parser.add_argument("--check", action="store_true", help="fail when a goal is missed")
    parser.add_argument("--json", type=Path, default=ROOT / "var" / "benchmarks.json")
    options = parser.parse_args()
    found = run(quick=options.quick)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2))
    print(table(found))
    print(f"\nAll figures: {options.json}")
    return int(options.check and not all(goal.reached for goal in goals(found)))


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
