"""One tab of a person: connects, comes back, reads as fast as it likes, sends and stops."""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING, cast
from uuid import UUID

from chat.protocol import (
    Accepted,
    Ack,
    Attached,
    Chat,
    Chunk,
    Command,
    Done,
    Interrupt,
    Ping,
    Snapshot,
)
from tests.simulation.client import Book, read
from tests.simulation.door import Connection, Line
from tests.simulation.rows import short

if TYPE_CHECKING:
    from tests.simulation.node import Node
    from tests.simulation.world import World

PING_SECONDS = 4.0
GIVE_UP_SECONDS = 9.0
ACK_SECONDS = 0.5
ACK_BYTES = 1024


class Tab:
    """A client of one conversation."""

    def __init__(self, world: World, name: str, person: int, conversation: UUID) -> None:
        self.name = name
        self.person = person
        self.conversation = conversation
        self._world = world
        self.book = Book(lambda what: world.complain(name, what))
        self.node: Node | None = None
        self.pending: dict[UUID, Chat] = {}
        self.reading = True
        self.gone = False
        self._inbox: list[str | None] = []
        self._connection: Connection | None = None
        # Counts connections: what still comes of an old one is not read.
        self._number = 0
        # The connection on which something is to be tried again in a moment.
        self._tries = -1
        self._last_sent = 0.0
        self._heard_at = 0.0
        self._owed_bytes = 0
        self._ack_set = False
        self._unacked: dict[UUID, int] = {}
        self._later(world.chance.uniform(0, 0.2), self._connect, 0)
        self._later(PING_SECONDS, self._ping)

    def _later(self, seconds: float, callback: object, *args: object) -> None:
        loop = self._world.loop
        loop.call_later(seconds, callback, *args, context=contextvars.Context())  # type: ignore[arg-type]

    def _connect(self, number: int) -> None:
        if number != self._number or self.gone:
            return
        world = self._world
        node = world.some_node()
        if node is None:
            self._later(1.0, self._connect, number)
            return
        self._number += 1
        number = self._number
        self.node, self._inbox, self._heard_at = node, [], world.loop.time()
        world.trace.note(self.name, f"connects to {node.name}")
        line = Line(world.loop, world.line_delay, lambda text: self._arrive(number, text))
        viewer_number = world.next_number()
        connection = Connection(
            viewer_number, node.process, node.engine, self.person, line, world.note_stop
        )
        node.connections.append((connection, line))
        node.process.call(connection.open)
        self._connection = connection
        self._unacked.clear()
        self.book.begin_connection()
        self.send(self.book.attach(self.conversation))
        for chat in list(self.pending.values()):
            self.send(chat)

    def send(self, command: Command) -> None:
        """Send a command to the node that this tab is connected to."""
        connection, node = self._connection, self.node
        if connection is None or node is None:
            return
        loop = self._world.loop
        self._last_sent = max(loop.time() + self._world.line_delay(), self._last_sent)
        context = node.process.context.copy()
        loop.call_at(self._last_sent, connection.receive, command, context=context)

    def leave(self, back_after_seconds: float) -> None:
        """The connection is lost, or left; another one follows."""
        if self._connection is not None and self.node is not None:
            self.node.process.call(self._connection.close)
        self._connection = None
        self._number += 1
        self._inbox = []
        self._later(back_after_seconds, self._connect, self._number)

    def chat(self, client_id: UUID) -> None:
        """Begin a turn; the same again until it is accepted."""
        chat = Chat(client_id, "Hello", conversation=self.conversation)
        self.pending[client_id] = chat
        self._world.trace.note(self.name, f"sends {short(client_id)}")
        self.send(chat)

    def interrupt(self, turn: UUID) -> None:
        """Stop a turn."""
        held = self.book.hold(turn)
        held.ends_asked += 1
        self._world.trace.note(self.name, f"stops {short(turn)}")
        self.send(Interrupt(turn))

    def _ping(self) -> None:
        world = self._world
        if self._connection is not None:
            if self.reading and world.loop.time() - self._heard_at > GIVE_UP_SECONDS:
                world.trace.note(self.name, "gives up on a silent node")
                self.leave(world.chance.uniform(0.05, 1.0))
            else:
                self.send(Ping())
        self._later(PING_SECONDS, self._ping)

    def read_on(self) -> None:
        """Read what came while nobody read."""
        self.reading = True
        inbox, self._inbox = self._inbox, []
        self._heard_at = self._world.loop.time()
        for text in inbox:
            self._take(text)

    def _arrive(self, number: int, text: str | None) -> None:
        if number != self._number:
            return
        if self.reading:
            self._take(text)
        else:
            self._inbox.append(text)

    def _take(self, text: str | None) -> None:
        world = self._world
        self._heard_at = world.loop.time()
        if text is None:
            world.trace.note(self.name, "is disconnected")
            self._connection = None
            self.leave(world.chance.uniform(0.05, 1.5))
            return
        kind, event = read(text)
        if kind not in ("pong", "presence"):
            world.trace.note(self.name, f"gets {text}")
        if kind in ("chunk", "snapshot"):
            self._take_text(cast(Chunk | Snapshot, event), len(text))
        elif kind == "done":
            self.book.take_done(cast(Done, event))
        elif kind == "accepted":
            accepted = cast(Accepted, event)
            self.pending.pop(accepted.id, None)
            self.book.hold(accepted.turn).ends_asked += 1
        elif kind == "attached":
            self.book.begin_again()
            for turn in self.book.missed(cast(Attached, event).turns):
                self._later(0.2, self._ask_again, self._number, turn)
        elif kind == "error" and self._tries != self._number:
            self._tries = self._number
            self._later(1.0, self._try_again, self._number)

    def _take_text(self, event: Chunk | Snapshot, size_bytes: int) -> None:
        world = self._world
        if isinstance(event, Snapshot):
            if event.state == "running":
                world.shown(event.turn, event.epoch, event.seq)
            self.book.take_snapshot(event)
        else:
            world.shown(event.turn, event.epoch, event.seq)
            if not self.book.take_chunk(event):
                self.send(self.book.attach(self.conversation, event.turn))
        self._owe(event.turn, event.seq, size_bytes)

    def _ask_again(self, number: int, turn: UUID) -> None:
        if number == self._number and self.book.turns[turn].live:
            self.send(self.book.attach(self.conversation, turn))

    def _try_again(self, number: int) -> None:
        self._tries = -1
        if number == self._number:
            self.send(self.book.attach(self.conversation))
            for chat in list(self.pending.values()):
                self.send(chat)

    def _owe(self, turn: UUID, seq: int, size_bytes: int) -> None:
        self._unacked[turn] = seq
        self._owed_bytes += size_bytes
        if self._owed_bytes >= ACK_BYTES:
            self._acknowledge(self._number)
        elif not self._ack_set:
            self._ack_set = True
            self._later(ACK_SECONDS, self._acknowledge, self._number)

    def _acknowledge(self, number: int) -> None:
        self._ack_set, self._owed_bytes = False, 0
        if number == self._number:
            for turn, seq in self._unacked.items():
                self.send(Ack(turn, seq))
            self._unacked.clear()
