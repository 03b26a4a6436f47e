"""`manage.py serve`: run the site until told to stop, and let running turns finish first."""

import argparse
import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chat.serving.conditions import (
    CannotServe,
    require_migrated,
    require_several,
    require_writable,
    what_no_redis_costs,
)
from chat.serving.listening import CannotListen, Door, inherit, listen, shown
from chat.serving.supervisor import Supervisor
from chat.serving.workers import ParentLine, ThisProcess, Worker
from chat.sole_process import SecondProcess, claim_database

log = structlog.get_logger(__name__)

GRACE_SECONDS = 30.0
"""A worker whose parent is gone has its drain and so long to end."""
EXIT_SECONDS = 3.0
"""Threads that still wait for a database that never answers keep the ended server no longer."""
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT)
LAST_PORT = 65_535
NOT_RENEWED = "SIGHUP renews the workers of a parent; restart this process instead"


class Command(BaseCommand):
    """Serve pages, doors and sockets with Daphne; SIGTERM and Ctrl-C drain, a second one stops."""

    help = "Serve the site. SIGTERM or Ctrl-C lets running turns finish for DRAIN_SECONDS."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take the address, by default HOST and PORT; port 0 is any free one."""
        site, nodes = settings.SITE, settings.NODES
        parser.add_argument("--host", default=site.host, help="Address to listen on, else HOST.")
        parser.add_argument(
            "--port", type=_port, help="Else PORT; a runner listens only where this is given."
        )
        parser.add_argument(
            "--workers",
            type=int,
            default=nodes.workers,
            metavar="N",
            help="Processes that share the port, else WORKERS; SIGHUP renews them one by one.",
        )
        parser.add_argument(
            "--role",
            choices=("all", "web", "runner"),
            default=nodes.role,
            help="Pages and sockets, or the answers, or both; else ROLE.",
        )
        parser.add_argument(
            "--probe-port",
            type=_port,
            default=nodes.probe_port,
            metavar="P",
            help="First of the workers' own ports for /ready, /health and /metrics; 0: none.",
        )
        parser.add_argument("--reload", action="store_true", help="Start again on changed code.")
        # From the parent to a worker: its number and line, and the sockets it accepts from.
        parser.add_argument("--worker", type=_numbers, help=argparse.SUPPRESS)
        parser.add_argument("--door", type=int, help=argparse.SUPPRESS)
        parser.add_argument("--probe-door", type=int, help=argparse.SUPPRESS)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run until a signal; exit status 0 after a drain, 1 when it cannot start."""
        try:
            require_writable(settings.DATA_DIR)
            require_several(options["workers"], options["role"])
            if options["worker"]:
                self._serve_as_worker(options)
            elif options["reload"]:
                self._serve_again_and_again(options)
            elif options["workers"] > 1:
                self._supervise(options)
            else:
                self._serve(options)
        except (CannotServe, CannotListen, SecondProcess) as refusal:
            raise CommandError(str(refusal)) from None

    def _serve_again_and_again(self, options: dict[str, Any]) -> None:
        from django.utils import autoreload

        autoreload.run_with_reloader(self._serve, options)

    def _serve(self, options: dict[str, Any]) -> None:
        claim_database()
        doors = _site_door(options)
        if options["probe_port"]:
            doors.append(listen(options["host"], options["probe_port"], probes_only=True))
        require_migrated()
        self._run(
            doors,
            partial(self._tell, _announcement(doors)),
            options["role"],
            tells=True,
            taken_over=settings.NODES.drain_closes_port,
        )

    def _serve_as_worker(self, options: dict[str, Any]) -> None:
        slot, line_number = options["worker"]
        ThisProcess.worker = slot
        line = ParentLine(line_number, settings.TURNS.drain_seconds + GRACE_SECONDS)
        line.follow(partial(os.kill, os.getpid(), signal.SIGTERM))
        doors = []
        if options["door"] is not None:
            doors.append(inherit(options["door"], probes_only=options["role"] == "runner"))
        if options["probe_door"] is not None:
            doors.append(inherit(options["probe_door"], probes_only=True))
        # One of them looks at the relays for all.
        self._run(doors, line.say_ready, options["role"], tells=slot == 1, taken_over=True)

    def _supervise(self, options: dict[str, Any]) -> None:
        """Be the parent of several workers, who accept from the sockets that are bound here."""
        number, probe_port = options["workers"], options["probe_port"]
        doors = _site_door(options)
        ports = range(probe_port, probe_port + number) if probe_port else ()
        probe_doors = [listen(options["host"], port, probes_only=True) for port in ports]
        require_migrated()

        def start(slot: int) -> Worker:
            command = [sys.argv[0], "serve", "--skip-checks", f"--role={options['role']}"]
            inherited = []
            for name, given in (("door", doors), ("probe-door", probe_doors[slot - 1 : slot])):
                for door in given:
                    inherited.append(door.socket.fileno())
                    command.append(f"--{name}={door.socket.fileno()}")
            return Worker(slot, command, inherited)

        if not settings.SITE.redis_url:
            self._tell(what_no_redis_costs())
        status = Supervisor(
            number,
            start,
            drain_seconds=settings.TURNS.drain_seconds,
            announce=partial(self._tell, f"{_announcement(doors)} with {number} workers"),
            tell=self._tell,
        ).run()
        if status:
            raise CommandError("the workers did not end in order; the lines above say why")

    def _run(
        self,
        doors: Sequence[Door],
        announce: Callable[[], None],
        role: str,
        *,
        tells: bool,
        taken_over: bool,
    ) -> None:
        use_uvloop()
        # Daphne makes its event loop when it is imported, so it comes after uvloop's policy.
        from chat.serving.site_server import SiteServer

        server = SiteServer(
            doors,
            role=role,
            taken_over=taken_over,
            announce=announce,
            tell=self._tell if tells else None,
        )
        is_all_there_is = threading.current_thread() is threading.main_thread()
        if is_all_there_is:
            for number in ENDING_SIGNALS:
                server.loop.add_signal_handler(number, server.begin_drain)
            if sys.platform != "win32" and not os.isatty(0):
                # Meant for the parent of workers. (Of a terminal it is the end, as everywhere.)
                server.loop.add_signal_handler(signal.SIGHUP, self._tell, NOT_RENEWED)
        server.run()
        if is_all_there_is:
            _end_within(EXIT_SECONDS, status=1 if server.failure else 0)
        if server.failure:
            raise CommandError(server.failure)

    def _tell(self, line: str) -> None:
        # Who reads it may be gone, which is no reason to end.
        with suppress(OSError):
            self.stdout.write(line)
            self.stdout.flush()


def use_uvloop() -> None:
    """Have event loops made by uvloop, which takes a sixth less CPU, where it exists."""
    if sys.platform == "win32":
        return
    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


def _end_within(seconds: float, *, status: int) -> None:
    """End this process after a while, whatever its threads wait for."""

    def end() -> None:
        log.warning("threads_left_behind")
        sys.stdout.flush()
        os._exit(status)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def _site_door(options: dict[str, Any]) -> list[Door]:
    """Bind the site's port, which a runner has only where it was asked for, and for probes."""
    runs_only = options["role"] == "runner"
    if options["port"] is None and runs_only:
        return []
    port = settings.SITE.port if options["port"] is None else options["port"]
    return [listen(options["host"], port, probes_only=runs_only)]


def _announcement(doors: Sequence[Door]) -> str:
    if not doors:
        return "running turns, on no port"
    return f"listening on {shown(*doors[0].address)}"


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"must be a whole number, 0 to {LAST_PORT}")
    return int(text)


def _numbers(text: str) -> tuple[int, int]:
    slot, line = text.split(":")
    return int(slot), int(line)
