"""Daphne, run so that it drains: the site's server with a start, a drain and one end."""

import asyncio
import contextlib
import gc
import importlib
from collections.abc import Awaitable, Callable, Sequence
from importlib.util import find_spec
from typing import Any

import structlog
from channels.routing import get_default_application
from daphne.http_protocol import WebRequest
from daphne.server import twisted_loop
from django.conf import settings
from twisted.internet.error import ReactorNotRunning

from chat.serving.front import Front
from chat.serving.guard import GuardedServer
from chat.serving.listening import Door

# Has `async start(role)`, `async look_at_relays(tell)`, `begin_drain(taken_over)`,
# `async drain(seconds)` and `async close()`; looked up when needed, as the engine is optional for a
# server that shows pages only.
LIFECYCLE_MODULE = "chat.turns.lifecycle"
# After a drain the sockets' applications may say goodbye for this long.
FAREWELL_SECONDS = 5
# After the last connection was accepted its request may be on its way for so long; then what was
# asked may be answered for so long.
LINGER_SECONDS = 0.5
LAST_ANSWERS_SECONDS = 10.0
# A frame over the limit is refused with an error that names it; only one over this many times the
# limit costs the socket.
TRANSPORT_FACTOR = 4

log = structlog.get_logger(__name__)


class SiteServer(GuardedServer):
    """Daphne's server on sockets that listen already, whose first stop drains the turns and whose
    second one is immediate.

    `announce()` is called once the site answers, and `tell(sentence)`, where given, then for each
    relay as soon as it is known whether it can be used. `taken_over`: others accept from the same
    sockets, so a drain leaves them at once. `failure` says after `run` in one line why the site
    could not start; it is empty after an ordinary end.
    """

    def __init__(
        self,
        doors: Sequence[Door],
        *,
        role: str,
        taken_over: bool,
        announce: Callable[[], None],
        tell: Callable[[str], None] | None,
    ) -> None:
        probe_ports = [door.address[1] for door in doors if door.probes_only]
        self._front = Front(get_default_application(), probe_ports)
        super().__init__(
            self._front,
            # Daphne wants one; what is listened to is opened in `_listen`.
            endpoints=["none"],
            signal_handlers=False,
            websocket_max_message_size=TRANSPORT_FACTOR * settings.SOCKETS.max_frame_bytes,
            websocket_max_frame_size=TRANSPORT_FACTOR * settings.SOCKETS.max_frame_bytes,
            server_name="tram",
            verbosity=0,
            ready_callable=self._begin,
            **_proxy_options(),
        )
        self.endpoints.clear()
        self.loop: asyncio.AbstractEventLoop = twisted_loop
        self.failure = ""
        self._doors = doors
        self._role = role
        self._taken_over = taken_over
        self._announce = announce
        self._tell = tell
        # Twisted's, each with its door.
        self._ports: list[tuple[Any, Door]] = []
        self._start_task: asyncio.Task[None] | None = None
        self._drain_task: asyncio.Task[None] | None = None

    def begin_drain(self) -> None:
        """Drain, then stop; at the second call stop at once."""
        if self._drain_task is not None:
            log.warning("server_stopped_at_once")
            self.stop()
            return
        self._drain_task = self.loop.create_task(self._drain_then_stop())

    def stop(self) -> None:
        """End the loop; once it has ended, nothing."""
        with contextlib.suppress(ReactorNotRunning):
            super().stop()

    def kill_all_applications(self) -> Any:
        """Cancel what still runs and wait for it a short while."""
        from twisted.internet import defer

        return defer.Deferred.fromFuture(self.loop.create_task(self._end_applications()))

    def _begin(self) -> None:
        """Listen, and start the engine; the loop runs a moment later."""
        from twisted.internet import reactor

        self.guard()
        for door in self._doors:
            listener = door.socket
            port = reactor.adoptStreamPort(listener.fileno(), listener.family, self.http_factory)
            # Many at a time would all go to the worker that wakes first.
            port.numberAccepts = 1
            listener.close()
            self._ports.append((port, door))
        self._start_task = self.loop.create_task(self._start())

    async def _start(self) -> None:
        try:
            await _call_lifecycle("start", self._role)
        except Exception as error:
            log.exception("server_start_failed")
            self.failure = str(error)
            self.stop()
            return
        # What is loaded by now stays for good. Left among the rest, every full collection
        # would walk it and hold up all streams for 70 ms.
        gc.collect()
        gc.freeze()
        self._announce()
        try:
            if self._tell is not None:
                await _call_lifecycle("look_at_relays", self._tell)
        except Exception:
            # Whatever the relays are like, the site has started.
            log.exception("relays_not_looked_at")

    async def _drain_then_stop(self) -> None:
        log.info("server_draining", seconds=settings.TURNS.drain_seconds)
        try:
            if self._start_task is not None:
                self._start_task.cancel()
                await asyncio.wait([self._start_task])
            if self._taken_over:
                self._leave_doors()
            _begin_drain(taken_over=self._taken_over)
            linger = asyncio.create_task(asyncio.sleep(LINGER_SECONDS))
            await _call_lifecycle("drain", settings.TURNS.drain_seconds)
            await linger
            await self._answer_the_last()
            await _call_lifecycle("close")
        except Exception:
            log.exception("server_drain_failed")
        finally:
            self.stop()

    def _leave_doors(self) -> None:
        """Accept nothing more: it goes to the others. What was accepted is answered, and a
        connection that is kept alive ends with its next answer."""
        for port, door in self._ports:
            if not door.probes_only:
                port.stopListening()
        self._front.says_goodbye = True

    async def _answer_the_last(self) -> None:
        """Whoever was let in is answered, also where no turn ran and the drain ended at once."""
        requests = self._applications(WebRequest)
        if requests:
            await asyncio.wait(requests, timeout=LAST_ANSWERS_SECONDS)

    def _applications(self, kind: type[Any]) -> "list[asyncio.Future[None]]":
        return [
            details["application_instance"]
            for protocol, details in self.connections.items()
            if isinstance(protocol, kind)
            and "application_instance" in details
            and not details["application_instance"].done()
        ]

    async def _end_applications(self) -> None:
        running = self._applications(object)
        for application in running:
            application.cancel()
        if running:
            await asyncio.wait(running, timeout=FAREWELL_SECONDS)


def _begin_drain(*, taken_over: bool) -> None:
    if find_spec(LIFECYCLE_MODULE) is not None:
        importlib.import_module(LIFECYCLE_MODULE).begin_drain(taken_over=taken_over)


async def _call_lifecycle(name: str, *arguments: Any) -> None:
    if find_spec(LIFECYCLE_MODULE) is None:
        return
    step: Callable[..., Awaitable[None]] = getattr(importlib.import_module(LIFECYCLE_MODULE), name)
    await step(*arguments)


def _proxy_options() -> dict[str, str]:
    if not settings.SITE.behind_proxy:
        return {}
    return {
        "proxy_forwarded_address_header": "X-Forwarded-For",
        "proxy_forwarded_proto_header": "X-Forwarded-Proto",
    }
