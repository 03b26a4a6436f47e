"""Turns of this process, on their way to the clients of others."""

import asyncio
from collections.abc import Callable, Iterator

import structlog

from chat.turns.broadcast import Broadcast, Frame
from chat.turns.bus import Began, Bus, EndedHere, Frames, Message, Piece, Unwatch, Watch
from chat.turns.hub import Hub
from chat.turns.live import LiveTurn
from chat.turns.post import Post

log = structlog.get_logger(__name__)

SILENCE_SECONDS = 15.0
"""A process that has not asked for this long watches no more."""
PIECE_BYTES = 64
"""What a piece takes in a message beside its text."""
LAST_SECONDS = 1.0
"""At the end what is new may still go out for this long."""


class Outlet:
    """Reads the turns that one other process watches, and sends it what is new.

    Nothing is queued: while a message is on its way, the cursors stand still.
    """

    def __init__(
        self,
        node: str,
        here: str,
        bus: Bus,
        message_bytes: int,
        on_idle: Callable[["Outlet"], None],
    ) -> None:
        """`on_idle` is called whenever everything has been sent."""
        self.node = node
        self._on_idle = on_idle
        self.heard_at = 0.0
        self._here = here
        self._bus = bus
        self._message_bytes = message_bytes
        # Of each turn the index of the next frame to send.
        self._cursors: dict[Broadcast, int] = {}
        self._dirty: dict[Broadcast, None] = {}
        self._wakeup = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()
        self.task = asyncio.create_task(self._run(), name=f"outlet to {node}")

    def watch(self, turn: Broadcast, after_seq: int) -> None:
        """Send what follows chunk `after_seq`; of a turn that is sent already, skip what the other
        process has meanwhile."""
        # A process that knows more than was published here has it from the journal.
        index = turn.index_after(min(after_seq, turn.seq)) or 0
        self._cursors[turn] = max(index, self._cursors.get(turn, 0))
        turn.watchers.add(self)
        self.wake(turn)

    def unwatch(self, turn: Broadcast) -> None:
        """Send nothing of a turn any more."""
        turn.watchers.discard(self)
        self._cursors.pop(turn, None)

    def wake(self, turn: Broadcast) -> None:
        """A turn has something new."""
        self._dirty[turn] = None
        self.idle.clear()
        self._wakeup.set()

    @property
    def turns(self) -> tuple[Broadcast, ...]:
        """The turns that are sent."""
        return tuple(self._cursors)

    async def aclose(self) -> None:
        """Stop sending."""
        for turn in self.turns:
            self.unwatch(turn)
        self.task.cancel()
        await asyncio.wait({self.task})

    async def _run(self) -> None:
        while True:
            await self._wakeup.wait()
            self._wakeup.clear()
            try:
                while self._dirty:
                    for message in self._next_messages():
                        await self._bus.send(self.node, message)
            except Exception:
                # What was not sent is in the journal.
                log.exception("outlet_failed", node=self.node)
            self.idle.set()
            self._on_idle(self)

    def _next_messages(self) -> Iterator[Message]:
        """What is new of all turns, then the ends among them."""
        dirty, self._dirty = self._dirty, {}
        pieces: list[Piece] = []
        size_bytes = 0
        for turn in dirty:
            for piece in self._pieces(turn):
                piece_bytes = PIECE_BYTES + len(piece.text.encode())
                if pieces and size_bytes + piece_bytes > self._message_bytes:
                    yield Frames(self._here, tuple(pieces))
                    pieces, size_bytes = [], 0
                pieces.append(piece)
                size_bytes += piece_bytes
        if pieces:
            yield Frames(self._here, tuple(pieces))
        for turn in dirty:
            if turn in self._cursors and turn.end_index is not None and turn not in self._dirty:
                self.unwatch(turn)
                yield EndedHere(self._here, turn.id, turn.state if turn.done else "", turn.done)

    def _pieces(self, turn: Broadcast) -> Iterator[Piece]:
        while (index := self._cursors.get(turn)) is not None:
            end = len(turn.frames) if turn.end_index is None else turn.end_index
            if index >= end:
                return
            self._cursors[turn] = index + 1
            yield self._piece(turn, turn.frames[index])

    def _piece(self, turn: Broadcast, frame: Frame) -> Piece:
        fits = PIECE_BYTES + frame.size_bytes <= self._message_bytes
        return Piece(turn.id, turn.epoch, frame.seq, frame.text if fits else "")


class Outlets:
    """The outlets of this process: one to each other process that watches something here."""

    def __init__(self, hub: Hub, bus: Bus, post: Post, node: str, message_bytes: int) -> None:
        self._hub = hub
        self._bus = bus
        self._post = post
        self._node = node
        self._message_bytes = message_bytes
        self._outlets: dict[str, Outlet] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._expiry: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._outlets)

    def announce(self, turn: LiveTurn) -> None:
        """Tell all processes that a turn runs here from now on."""
        self._post.tell_all(
            Began(
                node=self._node,
                turn=turn.id,
                conversation=turn.conversation_id,
                team=turn.team_id,
                epoch=turn.epoch,
                user_message=turn.user_message_id,
                assistant_message=turn.assistant_message_id,
            )
        )

    def receive(self, message: Message) -> None:
        """Take what another process says; what is not for outlets is left alone."""
        if isinstance(message, Watch):
            self._watch(message)
        elif isinstance(message, Unwatch) and (outlet := self._outlets.get(message.node)):
            for turn in outlet.turns:
                if turn.id in message.turns:
                    outlet.unwatch(turn)
            self._close_if_unused(outlet)

    def _watch(self, message: Watch) -> None:
        for turn_id, after_seq in message.turns:
            turn = self._hub.live(turn_id)
            if not isinstance(turn, LiveTurn):
                self._post.send(message.node, EndedHere(self._node, turn_id))
                continue
            outlet = self._outlets.get(message.node)
            if outlet is None:
                outlet = self._outlets[message.node] = Outlet(
                    message.node,
                    self._node,
                    self._bus,
                    self._message_bytes,
                    self._close_if_unused,
                )
            outlet.heard_at = asyncio.get_running_loop().time()
            outlet.watch(turn, after_seq)
        if self._outlets and self._expiry is None:
            self._look_again_later()

    def _look_again_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._expiry = loop.call_later(SILENCE_SECONDS / 3, self._expire)

    def _expire(self) -> None:
        """Forget processes that were silent."""
        self._expiry = None
        now = asyncio.get_running_loop().time()
        for outlet in list(self._outlets.values()):
            if now - outlet.heard_at > SILENCE_SECONDS:
                for turn in outlet.turns:
                    outlet.unwatch(turn)
            self._close_if_unused(outlet)
        if self._outlets:
            self._look_again_later()

    def _close_if_unused(self, outlet: Outlet) -> None:
        unused = not outlet.turns and outlet.idle.is_set()
        if unused and self._outlets.get(outlet.node) is outlet:
            del self._outlets[outlet.node]
            closing = asyncio.create_task(outlet.aclose(), name="closing an outlet")
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """Send what is new, as far as that is quick, then nothing any more."""
        if self._expiry is not None:
            self._expiry.cancel()
        outlets = list(self._outlets.values())
        self._outlets.clear()
        try:
            async with asyncio.timeout(LAST_SECONDS):
                for outlet in outlets:
                    await outlet.idle.wait()
        except TimeoutError:
            pass
        for outlet in outlets:
            await outlet.aclose()
        if self._closing:
            await asyncio.wait(self._closing)
