"""Serves one signed-in client, however its frames travel: by a socket, or over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from django.conf import settings

from chat import protocol
from chat.consumers import groups, handshake
from chat.consumers.commands import Verbs
from chat.consumers.exchange import exchange
from chat.consumers.frames import too_fast
from chat.consumers.handshake import Closed, Greeting
from chat.consumers.intents import Starting
from chat.consumers.refusals import error_event
from chat.consumers.rights import RightsWatch
from chat.consumers.switchboard import Message
from chat.protocol import Pong
from chat.turns.engines import engine
from chat.turns.viewer import Lagging, SendFrame, Viewer

log = structlog.get_logger(__name__)

PENDING_COMMANDS = 32
"""Commands of one client that may wait for the database at a time."""


class ClientGone(Exception):
    """The connection broke before the server was told that it closed."""


class Attendant:
    """A worker that crosses to the database, a pump that delivers, and an eye on the rights.

    Call `begin`, then `take` for each command, and `leave` in any case.
    """

    def __init__(
        self,
        greeting: Greeting,
        send: SendFrame,
        close: Callable[[int], Awaitable[None]],
        *,
        acks: bool = True,
    ) -> None:
        """`send` writes a frame, or raises ClientGone; `close` tells the client its close code, at
        most once. Without `acks` what `send` returned from counts as read.

        Raises Closed (4012) while this process drains.
        """
        self.closing = False
        self._send = send
        self._close = close
        self._greeting = greeting
        self._engine = engine()
        if self._engine.draining:
            raise Closed(handshake.RESTARTING)
        limits = settings.SOCKETS
        self.viewer = Viewer(
            self._send_unless_closing,
            person=greeting.person,
            window_bytes=limits.ack_window_bytes,
            ack_timeout_seconds=limits.ack_timeout_seconds,
            queue_frames=limits.queue_frames,
            acks=acks,
        )
        self._verbs = Verbs(self._engine, self.viewer, greeting.principal, greeting.person)
        self._listening = groups.Listening(exchange().switchboard, self._hear)
        self._rights = RightsWatch(self._verbs, self._listening, self.end)
        self._pending: asyncio.Queue[protocol.Command] = asyncio.Queue(PENDING_COMMANDS)
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self, watch: Sequence[protocol.Attach] = ()) -> None:
        """Begin with `ready`, which comes when everything in `watch` is followed; what of it may
        not be seen (any more) is left out. Raises django.db.Error."""
        self._engine.goodbyes.add(self._say_goodbye)
        await self._listening.follow(self._greeting.principal)
        self.viewer.say(handshake.ready_event(self._greeting))
        for place in watch:
            await self._verbs.resume(place)
        self._tasks = [
            asyncio.create_task(self._pump(), name="pump"),
            asyncio.create_task(self._work(), name="commands"),
            asyncio.create_task(self._rights.keep(), name="rights"),
        ]

    def take(self, command: protocol.Command) -> None:
        """Take a command. What can be done at once is done here; the rest waits in line."""
        try:
            if isinstance(command, protocol.Ping):
                self.viewer.say(Pong())
            elif isinstance(command, protocol.Ack):
                self.viewer.ack(command.turn, command.seq)
            elif not (
                isinstance(command, protocol.Interrupt)
                and self._verbs.interrupt_at_once(command.turn)
            ):
                self._pending.put_nowait(command)
        except asyncio.QueueFull:
            self.viewer.say(too_fast(command, 1.0))
        except Exception as error:
            self.viewer.say(error_event(error, turn=getattr(command, "turn", None)))

    async def end(self, code: int) -> None:
        """End it from here, with a close code of the protocol."""
        if not self.closing:
            self.closing = True
            self._verbs.leave()
            await self._close(code)

    async def leave(self) -> None:
        """The client is gone: nothing is left of it then. Its turns go on."""
        # What cannot fail or wait comes first: a cancelled or failing farewell leaves nothing.
        self.closing = True
        for task in self._tasks:
            task.cancel()
        self._verbs.leave()
        self._engine.goodbyes.discard(self._say_goodbye)
        try:
            if self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            self._listening.leave()

    async def _work(self) -> None:
        """Do in order what needs the database. What was asked before a close is not done after."""
        while True:
            command = await self._pending.get()
            if self.closing:
                return
            try:
                await perform(self._verbs, command)
            except Exception as error:
                id, turn = getattr(command, "id", None), getattr(command, "turn", None)
                self.viewer.say(error_event(error, id=id, turn=turn))

    async def _pump(self) -> None:
        try:
            await self.viewer.pump()
        except Lagging:
            await self.end(handshake.LAGGING)
        except ClientGone:
            # The disconnect follows.
            return
        except Exception:
            # Nothing is delivered any more: the client must know, and come back.
            log.exception("pump_failed")
            await self.end(handshake.RESTARTING)

    async def _send_unless_closing(self, text: str) -> None:
        if not self.closing:
            await self._send(text)

    def _hear(self, message: Message) -> None:
        """The switchboard: something for the person, or for a team of hers."""
        if self.closing:
            return
        if message["type"] == "rights":
            self._rights.tell(message["credential"])
        elif message["type"] == "event":
            self.viewer.say(groups.personal_event(message))
        elif message["type"] == "conversation":
            event = groups.conversation_event(message)
            self.viewer.say(event)
            if event.change == "deleted":
                self._verbs.let_go(event.conversation)

    async def _say_goodbye(self) -> None:
        """The server drains: the client comes back to another process, or to the next one."""
        await self.end(handshake.RESTARTING)


async def perform(verbs: Verbs, command: protocol.Command) -> None:
    """Do what a command asks. Raises whatever the product refuses."""
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
