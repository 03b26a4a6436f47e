"""Runs the demo relay as a process of its own, until SIGTERM or SIGINT."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from chat.relay.demo.server import DemoRelay
from chat.relay.demo.settings import DemoSettings

EXIT_PORT_TAKEN = 1


def run(settings: DemoSettings, ready_file: Path | None = None) -> int:
    """Serve until a signal comes; returns the exit status.

    Prints ``demo relay listening on http://HOST:PORT/v1`` when it is ready and writes that address
    into `ready_file`. Status 1: it could not listen, one line on standard error says why.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(settings, ready_file))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


async def _serve(settings: DemoSettings, ready_file: Path | None) -> int:
    stopped = asyncio.Event()
    relay = DemoRelay(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    try:
        await relay.__aenter__()
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        print(f"demo relay: cannot listen on {where}: {error.strerror}", file=sys.stderr)
        return EXIT_PORT_TAKEN
    try:
        if ready_file is not None:
            _announce(ready_file, relay.base_url)
        print(f"demo relay listening on {relay.base_url}", flush=True)
        await stopped.wait()
    finally:
        await relay.aclose()
    return 0


def _announce(ready_file: Path, address: str) -> None:
    """Write the file under another name first: who waits for it never reads half of it."""
    unfinished = ready_file.with_name(ready_file.name + ".part")
    unfinished.write_text(address + "\n", encoding="utf-8")
    unfinished.replace(ready_file)
