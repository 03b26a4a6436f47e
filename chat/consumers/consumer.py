"""The life of one browser socket."""

import asyncio
import contextlib
from typing import Any

import structlog
from asgiref.typing import WebSocketCloseEvent, WebSocketSendEvent
from channels.consumer import AsyncConsumer, get_handler_name
from channels.exceptions import StopConsumer
from django.conf import settings
from django.db import Error as DatabaseError

from chat import protocol
from chat.consumers import groups, handshake
from chat.consumers.commands import Verbs
from chat.consumers.exchange import exchange
from chat.consumers.frames import FrameGate, FrameRefused, too_fast
from chat.consumers.handshake import Closed, Greeting, check_origin, choose_subprotocol, greet
from chat.consumers.intents import Starting
from chat.consumers.refusals import error_event
from chat.consumers.rights import RightsWatch
from chat.consumers.switchboard import Message
from chat.crossing import cross
from chat.protocol import Pong
from chat.serving.addresses import client_address
from chat.turns.engines import engine
from chat.turns.viewer import Lagging, Viewer

log = structlog.get_logger(__name__)

PENDING_COMMANDS = 32
"""Commands of one socket that may wait for the database at a time."""


class _ClientGone(Exception):
    """The connection broke before the server was told that it closed."""


class ChatConsumer(AsyncConsumer):
    """Serves one connection: a receive path that never waits, a worker that crosses to the
    database, and a pump that delivers."""

    # What Channels would give each socket, the switchboard gives the process: a socket needs no
    # Redis.
    channel_layer_alias = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._pending: asyncio.Queue[protocol.Command] = asyncio.Queue(PENDING_COMMANDS)
        self._closing = False
        self._gate = FrameGate()
        self._verbs: Verbs | None = None
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
        except Closed as refusal:
            if refusal.code == handshake.BAD_PROTOCOL:
                await self.send({"type": "websocket.accept"})
            await self._close(refusal.code)
        except DatabaseError as error:
            log.warning("socket_not_opened", error=type(error).__name__)
            await self._close(handshake.RESTARTING)
        else:
            await self._begin(greeting)

    async def _begin(self, greeting: Greeting) -> None:
        self._engine = engine()
        if self._engine.draining:
            await self._close(handshake.RESTARTING)
            return
        limits = settings.SOCKETS
        self._viewer = Viewer(
            self._send_text,
            person=greeting.person,
            window_bytes=limits.ack_window_bytes,
            ack_timeout_seconds=limits.ack_timeout_seconds,
            queue_frames=limits.queue_frames,
        )
        self._engine.goodbyes.add(self._say_goodbye)
        self._listening = groups.Listening(exchange().switchboard, self._hear)
        self._verbs = Verbs(self._engine, self._viewer, greeting.principal, greeting.person)
        self._rights = RightsWatch(self._verbs, self._listening, self._close)
        await self._listening.follow(greeting.principal)
        self._viewer.say(handshake.ready_event(greeting))
        self._tasks = [
            asyncio.create_task(self._pump(), name="pump"),
            asyncio.create_task(self._work(self._verbs), name="commands"),
            asyncio.create_task(self._rights.keep(), name="rights"),
        ]

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        """Take one frame. What can be done at once is done here; the rest waits in line."""
        verbs = self._verbs
        if verbs is None or self._closing:
            return
        try:
            command = self._gate.take(message.get("text") or message.get("bytes") or "")
        except FrameRefused as refusal:
            self._viewer.say(refusal.event)
            if refusal.close_code is not None:
                await self._close(refusal.close_code)
            return
        if isinstance(command, protocol.Ping):
            self._viewer.say(Pong())
        elif isinstance(command, protocol.Ack):
            self._viewer.ack(command.turn, command.seq)
        else:
            self._take(verbs, command)

    def _take(self, verbs: Verbs, command: protocol.Command) -> None:
        try:
            if isinstance(command, protocol.Interrupt) and verbs.interrupt_at_once(command.turn):
                return
            self._pending.put_nowait(command)
        except asyncio.QueueFull:
            self._viewer.say(too_fast(command, 1.0))
        except Exception as error:
            self._viewer.say(error_event(error, turn=getattr(command, "turn", None)))

    async def _work(self, verbs: Verbs) -> None:
        """Do in order what needs the database. What was asked before a close is not done after."""
        while True:
            command = await self._pending.get()
            if self._closing:
                return
            try:
                await _perform(verbs, command)
            except Exception as error:
                id, turn = getattr(command, "id", None), getattr(command, "turn", None)
                self._viewer.say(error_event(error, id=id, turn=turn))

    async def _pump(self) -> None:
        try:
            await self._viewer.pump()
        except Lagging:
            await self._close(handshake.LAGGING)
        except _ClientGone:
            # The disconnect follows.
            return
        except Exception:
            # Nothing is delivered any more: the client must know, and come back.
            log.exception("pump_failed")
            await self._close(handshake.RESTARTING)

    def _hear(self, message: Message) -> None:
        """The switchboard: something for the person, or for a team of hers."""
        verbs = self._verbs
        if verbs is None or self._closing:
            return
        if message["type"] == "rights":
            self._rights.tell(message["credential"])
        elif message["type"] == "event":
            self._viewer.say(groups.personal_event(message))
        elif message["type"] == "conversation":
            event = groups.conversation_event(message)
            self._viewer.say(event)
            if event.change == "deleted":
                verbs.let_go(event.conversation)

    async def _say_goodbye(self) -> None:
        """The server drains: the client comes back to another process, or to the next one."""
        await self._close(handshake.RESTARTING)

    async def websocket_disconnect(self, _message: dict[str, Any]) -> None:
        """The client is gone."""
        raise StopConsumer

    async def _send_text(self, text: str) -> None:
        if not self._closing:
            event: WebSocketSendEvent = {"type": "websocket.send", "text": text, "bytes": None}
            await self._send_event(event)

    async def _send_event(self, event: WebSocketSendEvent | WebSocketCloseEvent) -> None:
        try:
            await self.base_send(event)
        except Exception as error:
            raise _ClientGone from error

    async def _close(self, code: int) -> None:
        if not self._closing:
            self._closing = True
            if self._verbs is not None:
                self._verbs.leave()
            event: WebSocketCloseEvent = {"type": "websocket.close", "code": code, "reason": None}
            with contextlib.suppress(_ClientGone):
                await self._send_event(event)

    async def _clean_up(self) -> None:
        # What cannot fail or wait comes first: a cancelled or failing farewell leaves nothing.
        self._closing = True
        for task in self._tasks:
            task.cancel()
        if self._counted is not None:
            handshake.sockets.leave(*self._counted)
            self._counted = None
        if self._verbs is not None:
            self._verbs.leave()
            self._engine.goodbyes.discard(self._say_goodbye)
            if self._tasks:
                await asyncio.wait(self._tasks)
            self._listening.leave()


async def _perform(verbs: Verbs, command: protocol.Command) -> None:
    if isinstance(command, Starting):
        await verbs.start(command)
    elif isinstance(command, protocol.Interrupt):
        await verbs.interrupt(command)
    elif isinstance(command, protocol.Attach):
        await verbs.attach(command)
    elif isinstance(command, protocol.Detach):
        verbs.detach(command)
    elif isinstance(command, protocol.Withdraw):
        await verbs.withdraw(command)
    elif isinstance(command, protocol.Typing):
        verbs.typing(command)
    elif isinstance(command, protocol.Report):
        await verbs.report(command)
