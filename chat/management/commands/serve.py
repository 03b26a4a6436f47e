"""`manage.py serve`: run the site until told to stop, and let running turns finish first."""

import argparse
import asyncio
import errno
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chat.sole_process import SecondProcess, claim


class Command(BaseCommand):
    """Serve pages, doors and sockets with Daphne; SIGTERM and Ctrl-C drain, a second one stops."""

    help = "Serve the site. SIGTERM or Ctrl-C lets running turns finish for DRAIN_SECONDS."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take the address, by default HOST and PORT; port 0 is any free one."""
        parser.add_argument("--host", default=settings.SITE.host)
        parser.add_argument("--port", type=int, default=settings.SITE.port)
        parser.add_argument("--reload", action="store_true", help="Start again on changed code.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run until a signal; exit status 0 after a drain, 1 when it cannot start."""
        host, port = options["host"], options["port"]
        require_writable(settings.DATA_DIR)
        require_free(host, port)
        if options["reload"]:
            from django.utils import autoreload

            autoreload.run_with_reloader(self._serve, host, port)
        else:
            self._serve(host, port)

    def _serve(self, host: str, port: int) -> None:
        if not settings.SITE.redis_url:
            try:
                claim(settings.DATA_DIR)
            except SecondProcess as refusal:
                raise CommandError(str(refusal)) from None
        use_uvloop()
        # Daphne makes its event loop when it is imported, so it comes after uvloop's policy.
        from chat.serving import SiteServer

        server = SiteServer(host=host, port=port, announce=self._announce, tell=self._tell)
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                server.loop.add_signal_handler(number, server.begin_drain)
        server.run()
        if server.failure:
            raise CommandError(server.failure)

    def _announce(self, host: str, port: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        self._tell(f"listening on http://{shown}:{port}")

    def _tell(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def require_free(host: str, port: int) -> None:
    """Raise `CommandError` in one clear line if nobody can listen on `host` and `port`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # As the server itself does, so that a port just left counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = f"port {port} is taken by another program; choose another with PORT"
        else:
            reason = f"cannot listen on {host} port {port}: {error.strerror}"
        raise CommandError(reason) from None


def require_writable(folder: Path) -> None:
    """Make `folder` if need be; raise `CommandError` in one clear line if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        raise CommandError(f"the folder {folder} cannot be written; choose another with DATA_DIR")


def use_uvloop() -> None:
    """Have event loops made by uvloop, which takes a sixth less CPU, where it exists."""
    if sys.platform == "win32":
        return
    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
