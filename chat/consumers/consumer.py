"""The life of one browser socket."""

import asyncio
import uuid
from typing import Any

import structlog
from asgiref.typing import WebSocketCloseEvent, WebSocketSendEvent
from channels.consumer import AsyncConsumer, get_handler_name
from channels.exceptions import StopConsumer
from django.conf import settings

from accounts.authentication import revalidate
from chat import protocol
from chat.consumers import groups, handshake
from chat.consumers.commands import Starting, Verbs
from chat.consumers.handshake import Closed, Greeting, check_origin, choose_subprotocol, greet
from chat.consumers.rates import FrameBucket
from chat.consumers.refusals import error_event
from chat.crossing import cross
from chat.protocol import BadFrame, Error, Limits, Pong, Ready, decode_command
from chat.turns.engine import engine
from chat.turns.viewer import Lagging, Viewer

log = structlog.get_logger(__name__)

PENDING_COMMANDS = 32
"""Commands of one socket that may wait for the database at a time."""
ACK_COST_FRAMES = 0.02
"""Acks come with every few chunks of every turn and cost the server nothing."""
FLOOD_REFUSALS = 200
"""Refusals for speed in a row that close the socket."""


class ChatConsumer(AsyncConsumer):
    """Serves one connection: a receive path that never waits, a worker that crosses to the
    database, and a pump that delivers."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._pending: asyncio.Queue[protocol.Command] = asyncio.Queue(PENDING_COMMANDS)
        self._closing = False
        self._bad_frames = 0
        self._refusals = 0
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
            address = (self.scope.get("client") or ("", 0))[0]
            handshake.sockets.enter(greeting.person.id, address)
            self._counted = (greeting.person.id, address)
        except Closed as refusal:
            if refusal.code == handshake.BAD_PROTOCOL:
                await self.send({"type": "websocket.accept"})
            await self._close(refusal.code)
            return
        await self._begin(greeting)

    async def _begin(self, greeting: Greeting) -> None:
        limits = settings.SOCKETS
        self._bucket = FrameBucket(limits.frames_per_second, limits.frames_burst)
        self._viewer = Viewer(
            self._send_text,
            person=greeting.person,
            window_bytes=limits.ack_window_bytes,
            ack_timeout_seconds=limits.ack_timeout_seconds,
            queue_frames=limits.queue_frames,
        )
        groups.connect(asyncio.get_running_loop())
        engine().goodbyes.add(self._say_goodbye)
        self._verbs = Verbs(engine(), self._viewer, greeting.principal, greeting.person)
        for group in groups.groups_of(greeting.principal):
            await self.channel_layer.group_add(group, self.channel_name)
        self._viewer.say(_ready(greeting))
        self._tasks = [
            asyncio.create_task(self._pump(), name="pump"),
            asyncio.create_task(self._work(self._verbs), name="commands"),
            asyncio.create_task(self._look_again(self._verbs), name="rights"),
        ]

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        """Take one frame. What can be done at once is done here; the rest waits in line."""
        verbs = self._verbs
        if verbs is None or self._closing:
            return
        try:
            command = decode_command(
                message.get("text") or message.get("bytes") or "", settings.SOCKETS.max_frame_bytes
            )
        except BadFrame as error:
            await self._refuse_frame(error)
            return
        self._bad_frames = 0
        if await self._too_fast(command):
            return
        if isinstance(command, protocol.Ping):
            self._viewer.say(Pong())
        elif isinstance(command, protocol.Ack):
            self._viewer.ack(command.turn, command.seq)
        else:
            await self._take(verbs, command)

    async def _take(self, verbs: Verbs, command: protocol.Command) -> None:
        try:
            if isinstance(command, protocol.Interrupt) and verbs.interrupt_here(command.turn):
                return
            self._pending.put_nowait(command)
        except asyncio.QueueFull:
            self._viewer.say(_too_fast_error(command, 1.0))
        except Exception as error:
            self._viewer.say(error_event(error, turn=getattr(command, "turn", None)))

    async def _refuse_frame(self, error: BadFrame) -> None:
        self._bad_frames += 1
        self._viewer.say(error_event(error))
        if self._bad_frames >= settings.SOCKETS.bad_frames_in_a_row:
            await self._close(handshake.BAD_PROTOCOL)

    async def _too_fast(self, command: protocol.Command) -> bool:
        cost = ACK_COST_FRAMES if isinstance(command, protocol.Ack) else 1.0
        wait_seconds = self._bucket.take(cost)
        if not wait_seconds:
            self._refusals = 0
            return False
        self._refusals += 1
        if self._refusals >= FLOOD_REFUSALS:
            await self._close(handshake.TOO_MANY)
        else:
            self._viewer.say(_too_fast_error(command, wait_seconds))
        return True

    async def _work(self, verbs: Verbs) -> None:
        """Do in order what needs the database."""
        while True:
            command = await self._pending.get()
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

    async def _look_again(self, verbs: Verbs) -> None:
        """Read the rights again now and then: a lost announcement must not keep them for ever."""
        while True:
            await asyncio.sleep(settings.SOCKETS.revalidate_seconds)
            await self._refresh_rights(verbs)

    async def _refresh_rights(self, verbs: Verbs) -> None:
        principal = await cross(revalidate, verbs.principal)
        if principal is None:
            await self._close(handshake.NOT_SIGNED_IN)
        elif principal != verbs.principal:
            verbs.reduce_rights(principal)

    async def rights_changed(self, message: dict[str, Any]) -> None:
        """Channel layer: the person's rights changed somewhere."""
        if self._verbs is None or self._closing:
            return
        credential = message.get("credential")
        if not credential or credential == self._verbs.principal.credential:
            await self._refresh_rights(self._verbs)

    async def conversation_changed(self, message: dict[str, Any]) -> None:
        """Channel layer: something changed in the list of the person's team."""
        if self._verbs is not None and not self._closing:
            self._viewer.say(groups.conversation_event(message))

    async def _say_goodbye(self) -> None:
        """The server drains: the client comes back to another process, or to the next one."""
        await self._close(handshake.RESTARTING)

    async def websocket_disconnect(self, _message: dict[str, Any]) -> None:
        """The client is gone."""
        raise StopConsumer

    async def _send_text(self, text: str) -> None:
        event: WebSocketSendEvent = {"type": "websocket.send", "text": text, "bytes": None}
        await self.base_send(event)

    async def _close(self, code: int) -> None:
        if not self._closing:
            self._closing = True
            if self._verbs is not None:
                self._verbs.leave()
            event: WebSocketCloseEvent = {"type": "websocket.close", "code": code, "reason": None}
            await self.base_send(event)

    async def _clean_up(self) -> None:
        engine().goodbyes.discard(self._say_goodbye)
        if self._verbs is not None:
            self._verbs.leave()
            for group in groups.groups_of(self._verbs.principal):
                await self.channel_layer.group_discard(group, self.channel_name)
        if self._counted is not None:
            handshake.sockets.leave(*self._counted)
            self._counted = None
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


async def _perform(verbs: Verbs, command: protocol.Command) -> None:
    if isinstance(command, Starting):
        await verbs.start(command)
    elif isinstance(command, protocol.Interrupt):
        await verbs.interrupt(command)
    elif isinstance(command, protocol.Attach):
        await verbs.attach(command)
    elif isinstance(command, protocol.Detach):
        verbs.detach(command)
    elif isinstance(command, protocol.Typing):
        verbs.typing(command)


def _too_fast_error(command: protocol.Command, wait_seconds: float) -> Error:
    return Error(
        "rate_limited",
        "Too many frames at once. Wait a moment and send again.",
        id=getattr(command, "id", None),
        turn=getattr(command, "turn", None),
        retry_after_seconds=round(wait_seconds, 2),
    )


def _ready(greeting: Greeting) -> Ready:
    sockets, turns = settings.SOCKETS, settings.TURNS
    return Ready(
        protocol=protocol.SUBPROTOCOL,
        user=greeting.person,
        team=greeting.team,
        connection=uuid.uuid4().hex,
        limits=Limits(
            max_message_characters=turns.max_message_characters,
            max_frame_bytes=sockets.max_frame_bytes,
            ack_window_bytes=sockets.ack_window_bytes,
            ack_interval_ms=500,
            ack_interval_bytes=65_536,
        ),
        heartbeat_seconds=sockets.heartbeat_seconds,
    )
