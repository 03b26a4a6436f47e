"""`python -m tests.benchmarks.doors`: what programs get through `/v1/`, beside the relay itself and
LiteLLM's proxy in the same run, where that is installed (`make interoperability`)."""

import argparse
import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Self, cast

import msgspec
import uvloop

from tests.benchmarks import machine
from tests.benchmarks.client import BenchSocket
from tests.benchmarks.doors_report import Run, goals, table
from tests.benchmarks.load import Bench, Plan
from tests.benchmarks.relay import MODEL, Order
from tests.benchmarks.report import Measured, is_smooth
from tests.benchmarks.requests import END, BenchRequests
from tests.benchmarks.systems import BenchRelay, Tram, max_tokens
from tests.interoperability.environment import program
from tests.processes import ROOT, Child, free_port, wait_for_port

FULL = Plan(windows=3, window_seconds=4.0, samples=40, idle_connections=0, burst_tokens=20_000)
QUICK = Plan(windows=1, window_seconds=2.5, samples=10, idle_connections=0, burst_tokens=5_000)
STREAMS = {
    "relay": (1, 200),
    "Tram": (1, 50, 100, 150, 200, 300),
    "LiteLLM": (1, 10, 25, 50),
}
QUICK_STREAMS = {"relay": (1,), "Tram": (1, 50, 100), "LiteLLM": (1, 25)}
LITELLM_KEY = "sk-bench"


class Posting:
    """What all systems have in common that are asked by HTTP."""

    name: str
    done_marker = END

    def __init__(self, port: int, keys: list[str]) -> None:
        self._port = port
        self._keys = keys

    async def open(self, number: int) -> BenchSocket:
        """A client; its connections are made as it asks."""
        headers = {"Authorization": f"Bearer {self._keys[number % len(self._keys)]}"}
        # It has all that the loads use of a socket.
        return cast(BenchSocket, BenchRequests(self._port, headers))

    def ask(self, order: Order) -> bytes:
        """The body of a request."""
        body = {
            "model": MODEL,
            "stream": True,
            "max_tokens": max_tokens(order),
            "messages": [{"role": "user", "content": msgspec.json.encode(order).decode()}],
        }
        return json.dumps(body).encode()

    async def begun(self, socket: BenchSocket) -> None:
        """Nothing is told before the answer."""

    def interrupt(self, socket: BenchSocket) -> None:
        """Hang up."""
        cast(BenchRequests, socket).hang_up()


class Straight(Posting):
    """The relay itself: what no server between can beat."""

    name = "relay"

    def __init__(self, relay: BenchRelay) -> None:
        super().__init__(relay.port, ["none"])
        self.pid = relay.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """It ends by itself."""


class TramDoor(Posting):
    """The product, asked as a relay is."""

    name = "Tram"

    def __init__(self, folder: Path, core: int, relay: BenchRelay) -> None:
        self._tram = Tram(folder, core, relay)
        super().__init__(self._tram.port, self._tram.keys)

    @property
    def pid(self) -> int:
        return self._tram.pid

    def __enter__(self) -> Self:
        self._tram.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._tram.__exit__()


class LiteLLM(Posting):
    """LiteLLM's proxy with one worker, a master key and no database."""

    name = "LiteLLM"

    def __init__(self, folder: Path, core: int, relay: BenchRelay) -> None:
        super().__init__(free_port(), [LITELLM_KEY])
        self._core = core
        model = {"model": f"openai/{MODEL}", "api_base": relay.url, "api_key": "none"}
        config: dict[str, Any] = {
            "model_list": [{"model_name": MODEL, "litellm_params": model}],
            "general_settings": {"master_key": LITELLM_KEY},
        }
        file = folder / "litellm.yaml"
        file.write_text(json.dumps(config))  # JSON is YAML
        self._child = Child(
            *("--config", str(file), "--host", "127.0.0.1", "--port", str(self._port)),
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "LITELLM_LOG": "ERROR",
            },
            log=folder / "litellm.log",
        )
        self._child.arguments[0] = str(program("litellm"))

    @property
    def pid(self) -> int:
        return self._child.pid

    def __enter__(self) -> Self:
        with machine.pinned(self._core):
            self._child.start()
        wait_for_port(self._child, self._port)
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()


async def measure(
    system: Straight | TramDoor | LiteLLM, relay: BenchRelay, plan: Plan, loads: tuple[int, ...]
) -> Measured:
    """Take the figures of a running system; stop after two loads that it could not serve."""
    found = Measured(system.name, round(machine.resident_bytes(system.pid) / 10**6, 1))
    bench = Bench(system, relay, plan)
    try:
        await bench.warm_up()
        found.first_token_added = await bench.first_token()
        found.interrupt = await bench.interrupts(silent=False)
        found.burst_tokens_per_second = round(await bench.burst())
        for streams in loads:
            print(f"doors: {system.name}: {streams} streams", file=sys.stderr, flush=True)
            found.paced.append(await bench.paced(streams))
            if len(found.paced) > 1 and not any(map(is_smooth, found.paced[-2:])):
                break
    finally:
        bench.close()
    return found


def run(*, quick: bool) -> Run:
    """Start everything on its core, measure, and end it."""
    server_core, load_core = machine.cores()
    plan, streams = (QUICK, QUICK_STREAMS) if quick else (FULL, STREAMS)
    measured = {}
    about = f"{machine.describe()}; server on core {server_core}, load on core {load_core}"
    with (
        tempfile.TemporaryDirectory(prefix="tram-doors-") as name,
        BenchRelay(Path(name), load_core) as relay,
        machine.pinned(load_core),
    ):
        folder = Path(name)
        systems: list[Straight | TramDoor | LiteLLM] = [Straight(relay)]
        systems.append(TramDoor(folder, server_core, relay))
        if program("litellm").exists():
            systems.append(LiteLLM(folder, server_core, relay))
        for system in systems:
            with system:
                its = uvloop.run(measure(system, relay, plan, streams[system.name]))
                measured[system.name] = its
    return Run(about, quick, measured)


def main() -> int:
    """Print the table, keep the figures; with --check, status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="rougher figures")
    parser.add_argument("--check", action="store_true", help="fail when a goal is missed")
    parser.add_argument("--json", type=Path, default=ROOT / "var" / "doors.json")
    options = parser.parse_args()
    found = run(quick=options.quick)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2))
    print(table(found))
    return int(options.check and not all(ok for _, ok in goals(found)))


if __name__ == "__main__":
    sys.exit(main())
