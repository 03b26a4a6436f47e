"""One connection at the server: the verbs of the real socket over the database of a run."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any, Protocol
from uuid import UUID

from accounts.policy import Principal
from accounts.roles import Role
from chat import protocol
from chat.consumers.commands import Verbs
from chat.consumers.refusals import error_event
from chat.protocol import Command, Error, Person
from chat.turns.viewer import Lagging, Viewer
from tests.simulation.virtual_time import Process, VirtualLoop

TEAM = UUID(int=1)
LIMITS = {"window_bytes": 4096, "ack_timeout_seconds": 12.0, "queue_frames": 64}
WAITING_COMMANDS = 32


class Wire(Protocol):
    """The way of what the server says to its client."""

    def carry(self, text: str) -> None:
        """A frame."""

    def cut(self) -> None:
        """No more comes."""


class NumberedViewer(Viewer):
    """Hashes by a number: the order of sets of viewers is the same in every run."""

    def __init__(self, number: int, *args: Any, **limits: Any) -> None:
        self.number = number
        super().__init__(*args, **limits)

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class Goodbye:
    """What the socket does when its process drains; numbered, as its viewer."""

    def __init__(self, number: int, close: Callable[[], None]) -> None:
        self.number = number
        self._close = close

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other

    async def __call__(self) -> None:
        self._close()


def principal(person: int) -> Principal:
    """A person who may do everything in the one team."""
    return Principal(person, f"person {person}", TEAM, {TEAM: Role.OWNER}, 1, "session")


class Connection:
    """A socket as the consumer runs it: a pump, and commands one after the other."""

    def __init__(
        self,
        number: int,
        process: Process,
        engine: Any,
        person: int,
        wire: Wire,
        note_stop: Callable[[UUID], None],
    ) -> None:
        self._process = process
        self._engine = engine
        self._wire = wire
        self._note_stop = note_stop
        self._closing = False
        self._commands: asyncio.Queue[Command] = asyncio.Queue(WAITING_COMMANDS)
        named = Person(person, f"person {person}")
        self.viewer = NumberedViewer(number, self._send, person=named, **LIMITS)
        self._verbs = Verbs(engine, self.viewer, principal(person), named)
        self._goodbye = Goodbye(number, self.close)
        self._tasks: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Begin; called within the process."""
        if self._engine.draining:
            self.close()
            return
        self._engine.goodbyes.add(self._goodbye)
        loop: VirtualLoop = self._process.loop
        self._tasks = [
            loop.create_task(self._pump(), name="pump"),
            loop.create_task(self._work(), name="commands"),
        ]

    def receive(self, command: Command) -> None:
        """Take a command, as the consumer does."""
        if self._closing:
            return
        if isinstance(command, protocol.Ping):
            self.viewer.say(protocol.Pong())
            return
        if isinstance(command, protocol.Ack):
            self.viewer.ack(command.turn, command.seq)
            return
        if isinstance(command, protocol.Interrupt):
            self._note_stop(command.turn)
        if isinstance(command, protocol.Interrupt) and self._verbs.interrupt_at_once(command.turn):
            return
        try:
            self._commands.put_nowait(command)
        except asyncio.QueueFull:
            self.viewer.say(Error("rate_limited", "", id=getattr(command, "id", None)))

    async def _work(self) -> None:
        while True:
            command = await self._commands.get()
            try:
                await self._perform(command)
            except Exception as error:
                id, turn = getattr(command, "id", None), getattr(command, "turn", None)
                self.viewer.say(error_event(error, id=id, turn=turn))

    async def _perform(self, command: Command) -> None:
        if isinstance(command, protocol.Chat):
            await self._verbs.start(command)
        elif isinstance(command, protocol.Interrupt):
            await self._verbs.interrupt(command)
        elif isinstance(command, protocol.Attach):
            await self._verbs.attach(command)
        elif isinstance(command, protocol.Detach):
            self._verbs.detach(command)

    async def _pump(self) -> None:
        try:
            await self.viewer.pump()
        except Lagging:
            self.close()

    async def _send(self, text: str) -> None:
        if not self._closing:
            self._wire.carry(text)

    def close(self) -> None:
        """Leave: what the consumer does at the end of a socket."""
        if self._closing:
            return
        self._closing = True
        self._verbs.leave()
        self._engine.goodbyes.discard(self._goodbye)
        self._wire.cut()
        for task in self._tasks:
            task.cancel()


class Line(Wire):
    """Frames on their way to a client, in order, each after some time."""

    def __init__(
        self, loop: VirtualLoop, delay: Callable[[], float], take: Callable[[str | None], None]
    ) -> None:
        self._loop = loop
        self._delay = delay
        self._take = take
        self._last = 0.0

    def carry(self, text: str) -> None:
        """A frame."""
        self._after_delay(text)

    def cut(self) -> None:
        """No more comes: the client learns of it behind what is still on its way."""
        self._after_delay(None)

    def _after_delay(self, text: str | None) -> None:
        self._last = max(self._loop.time() + self._delay(), self._last)
        self._loop.call_at(self._last, self._take, text, context=contextvars.Context())
