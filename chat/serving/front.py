"""What stands before the site's application at each port of this process."""

from collections.abc import Awaitable, Callable, Collection
from typing import Any

PROBES = ("/ready", "/health", "/metrics")
NOTHING_HERE = 404

Application = Callable[[Any, Any, Any], Awaitable[None]]


class Front:
    """The site's application, of which some ports show the probes only: whoever reaches those
    reaches nothing else.

    While `says_goodbye`, each answer over HTTP is the last one of its connection: the next request
    goes to another process.
    """

    def __init__(self, application: Application, probe_ports: Collection[int]) -> None:
        self.says_goodbye = False
        self._application = application
        self._probe_ports = frozenset(probe_ports)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one connection or request (ASGI)."""
        port = (scope.get("server") or ("", None))[1]
        if port in self._probe_ports:
            if scope["type"] != "http" or scope["path"] not in PROBES:
                await _refuse(scope, receive, send)
                return
            # Here a process speaks for itself alone, not for those that share another port with it.
            scope = {**scope, "own_port": True}
        if scope["type"] == "http":
            await self._application(scope, receive, self._last_answer(send))
        else:
            await self._application(scope, receive, send)

    def _last_answer(self, send: Callable[[Any], Awaitable[None]]) -> Any:
        async def send_closing(message: Any) -> None:
            if self.says_goodbye and message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"connection", b"close")]
                message = {**message, "headers": headers}
            await send(message)

        return send_closing


async def _refuse(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": NOTHING_HERE, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
    else:
        await receive()
        await send({"type": "websocket.close"})
