"""The life of one browser socket."""

import contextlib
from typing import Any

import structlog
from asgiref.typing import WebSocketCloseEvent, WebSocketSendEvent
from channels.consumer import AsyncConsumer, get_handler_name
from channels.exceptions import StopConsumer
from django.db import Error as DatabaseError

from chat.consumers import handshake
from chat.consumers.attendant import Attendant, ClientGone
from chat.consumers.frames import FrameGate, FrameRefused
from chat.consumers.handshake import Closed, check_origin, choose_subprotocol, greet
from chat.crossing import cross
from chat.serving.addresses import client_address

log = structlog.get_logger(__name__)


class ChatConsumer(AsyncConsumer):
    """Serves one connection: a receive path that never waits, before an attendant."""

    # What Channels would give each socket, the switchboard gives the process: a socket needs no
    # Redis.
    channel_layer_alias = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self._closing = False
        self._gate = FrameGate()
        self._attendant: Attendant | None = None
        self._counted: tuple[int, str] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Run until the client or the server ends it; nothing of it is left then."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._clean_up()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Hand a message to its handler, without Channels' visit to the shared database thread."""
        handler = getattr(self, get_handler_name(message), None)
        if handler is None:
            raise ValueError(f"No handler for message type {message['type']}")
        await handler(message)

    async def websocket_connect(self, _message: dict[str, Any]) -> None:
        """Accept, then refuse with a close code: a refusal before it would reach nobody."""
        try:
            subprotocol = choose_subprotocol(self.scope)
            await self.send({"type": "websocket.accept", "subprotocol": subprotocol})
            check_origin(self.scope)
            greeting = await cross(greet, list(self.scope["headers"]))
            address = client_address(self.scope)
            handshake.sockets.enter(greeting.person.id, address)
            self._counted = (greeting.person.id, address)
            self._attendant = Attendant(greeting, self._send_text, self._close)
        except Closed as refusal:
            if refusal.code == handshake.BAD_PROTOCOL:
                await self.send({"type": "websocket.accept"})
            await self._close(refusal.code)
        except DatabaseError as error:
            log.warning("socket_not_opened", error=type(error).__name__)
            await self._close(handshake.RESTARTING)
        else:
            await self._attendant.begin()

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        """Take one frame."""
        attendant = self._attendant
        if attendant is None or attendant.closing:
            return
        try:
            command = self._gate.take(message.get("text") or message.get("bytes") or "")
        except FrameRefused as refusal:
            attendant.viewer.say(refusal.event)
            if refusal.close_code is not None:
                await attendant.end(refusal.close_code)
            return
        attendant.take(command)

    async def websocket_disconnect(self, _message: dict[str, Any]) -> None:
        """The client is gone."""
        raise StopConsumer

    async def _send_text(self, text: str) -> None:
        event: WebSocketSendEvent = {"type": "websocket.send", "text": text, "bytes": None}
        await self._send_event(event)

    async def _send_event(self, event: WebSocketSendEvent | WebSocketCloseEvent) -> None:
        try:
            await self.base_send(event)
        except Exception as error:
            raise ClientGone from error

    async def _close(self, code: int) -> None:
        if not self._closing:
            self._closing = True
            event: WebSocketCloseEvent = {"type": "websocket.close", "code": code, "reason": None}
            with contextlib.suppress(ClientGone):
                await self._send_event(event)

    async def _clean_up(self) -> None:
        if self._counted is not None:
            handshake.sockets.leave(*self._counted)
            self._counted = None
        if self._attendant is not None:
            await self._attendant.leave()
