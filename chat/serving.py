"""Daphne, run so that it drains: the site's server with a start, a drain and one end."""

import asyncio
import gc
import importlib
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import Any

import structlog
from channels.routing import get_default_application
from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server, twisted_loop
from django.conf import settings

# Has `async start()`, `async look_at_relays(tell)` and `async drain(seconds)`; looked up when
# needed, as the engine is optional for a server that shows pages only.
LIFECYCLE_MODULE = "chat.turns.lifecycle"
# After a drain the sockets' applications may say goodbye for this long.
FAREWELL_SECONDS = 5
# A frame over the limit is refused with an error that names it; only one over this many times the
# limit costs the socket.
TRANSPORT_FACTOR = 4

log = structlog.get_logger(__name__)


class SiteServer(Server):  # type: ignore[misc]
    """Daphne's server, whose first stop drains the turns and whose second one is immediate.

    `announce(host, port)` is called once the site answers, and `tell(sentence)` then for each relay
    as soon as it is known whether it can be used. `failure` says after `run` in one line why the
    site could not start; it is empty after an ordinary end.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        announce: Callable[[str, int], None],
        tell: Callable[[str], None],
    ) -> None:
        endpoint = build_endpoint_description_strings(host=host, port=port)
        super().__init__(
            get_default_application(),
            endpoints=endpoint,
            signal_handlers=False,
            websocket_max_message_size=TRANSPORT_FACTOR * settings.SOCKETS.max_frame_bytes,
            websocket_max_frame_size=TRANSPORT_FACTOR * settings.SOCKETS.max_frame_bytes,
            server_name="tram",
            verbosity=0,
            **_proxy_options(),
        )
        self.loop: asyncio.AbstractEventLoop = twisted_loop
        self.failure = ""
        self._announce = announce
        self._tell = tell
        self._task: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._draining = False

    def begin_drain(self) -> None:
        """Drain, then stop; at the second call stop at once."""
        if self._draining:
            log.warning("server_stopped_at_once")
            self.stop()
            return
        self._draining = True
        self._task = self.loop.create_task(self._drain_then_stop())

    def listen_success(self, port: Any) -> None:
        """Start the engine, then say where the site answers."""
        super().listen_success(port)
        address = port.getHost()
        self._task = self.loop.create_task(self._start(address.host, address.port))

    def listen_error(self, failure: Any) -> None:
        """Remember why nobody can connect, and end."""
        self.failure = failure.getErrorMessage()
        self.stop()

    def kill_all_applications(self) -> Any:
        """Cancel what still runs and wait for it a short while."""
        from twisted.internet import defer

        return defer.Deferred.fromFuture(self.loop.create_task(self._end_applications()))

    async def _start(self, host: str, port: int) -> None:
        try:
            await _call_lifecycle("start")
        except Exception as error:
            log.exception("server_start_failed")
            self.failure = str(error)
            self.stop()
        else:
            # What is loaded by now stays for good. Left among the rest, every full collection
            # would walk it and hold up all streams for 70 ms.
            gc.collect()
            gc.freeze()
            self._announce(host, port)
            self._looking = self.loop.create_task(self._look_at_relays())

    async def _look_at_relays(self) -> None:
        """Whatever the relays are like, the site has started."""
        try:
            await _call_lifecycle("look_at_relays", self._tell)
        except Exception:
            log.exception("relays_not_looked_at")

    async def _drain_then_stop(self) -> None:
        log.info("server_draining", seconds=settings.TURNS.drain_seconds)
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        try:
            await _call_lifecycle("drain", settings.TURNS.drain_seconds)
        except Exception:
            log.exception("server_drain_failed")
        finally:
            self.stop()

    async def _end_applications(self) -> None:
        running = [
            details["application_instance"]
            for details in self.connections.values()
            if "application_instance" in details and not details["application_instance"].done()
        ]
        for application in running:
            application.cancel()
        if running:
            await asyncio.wait(running, timeout=FAREWELL_SECONDS)


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
