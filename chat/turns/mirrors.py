"""Turns of other processes, as the clients of this one see them."""

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from uuid import UUID

import structlog

from chat.queries.running import RunningTurn, TurnReading
from chat.turns.bus import Began, Bus, EndedHere, Frames, Message, Unwatch
from chat.turns.hub import Hub
from chat.turns.mirror import GAP_PAUSE_SECONDS, QUIET_SECONDS, Mirror
from chat.turns.post import Post
from chat.turns.reading import TurnReader
from chat.turns.viewer import Viewer
from chat.turns.watching import renew

log = structlog.get_logger(__name__)


class Mirrors:
    """Follows the watched turns of other processes: by the bus at once, by the journal where the
    bus lost something or is away. One task reads for all of them together."""

    def __init__(
        self,
        hub: Hub,
        bus: Bus,
        post: Post,
        reader: TurnReader,
        node: str,
        poll_seconds: float,
        *,
        alone: bool = False,
    ) -> None:
        """`alone`: no other process runs turns on this database, so none is looked for."""
        self._hub = hub
        self._bus = bus
        self._post = post
        self._reader = reader
        self._node = node
        self._poll_seconds = poll_seconds
        self._alone = alone
        self._mirrors: dict[UUID, Mirror] = {}
        # Stored as running here, though they do not: being admitted, or strays.
        self._astray: dict[UUID, RunningTurn] = {}
        self._something = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._looked_at = float("-inf")
        # The database failed: nothing is read before this loop time.
        self._read_again_at = float("-inf")
        self._bus_was_alive = False

    def __len__(self) -> int:
        return len(self._mirrors)

    def start(self) -> None:
        """Begin to follow, in a task owned by this object until `aclose`."""
        self._task = asyncio.create_task(self._run(), name="mirrors")

    def follow(self, turns: Iterable[RunningTurn], by: Viewer | None = None) -> None:
        """Show those of these turns that run elsewhere, from now on while somebody watches. What is
        stored of them follows in a moment. `by` knows of them already."""
        for turn in turns:
            if turn.node != self._node or turn.is_taken_over:
                self._open(turn, begins=False, by=by)
            elif not self._alone and self._hub.live(turn.turn_id) is None:
                self._astray[turn.turn_id] = turn

    async def look(self, conversation_id: UUID, by: Viewer | None = None) -> None:
        """Find the turns of a conversation and follow them. Raises django.db.Error."""
        self.follow(await self._reader.running_in([conversation_id]), by)

    def owner_of(self, turn_id: UUID) -> str | None:
        """The process that runs a turn which is mirrored here."""
        mirror = self._mirrors.get(turn_id)
        return None if mirror is None else mirror.node

    def receive(self, message: Message) -> None:
        """Take what another process says; what is not for mirrors is left alone."""
        now = asyncio.get_running_loop().time()
        if isinstance(message, Frames):
            for piece in message.pieces:
                if mirror := self._mirrors.get(piece.turn):
                    mirror.take(piece, now)
                    if mirror.asked:
                        self._something.set()
        elif isinstance(message, EndedHere):
            self._take_end(message)
        elif isinstance(message, Began) and message.conversation in self._hub.watched():
            self._take_beginning(message, now)

    async def aclose(self) -> None:
        """Follow nothing any more."""
        tasks = {task for task in (self._task, self._reading) if task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for mirror in list(self._mirrors.values()):
            self._let_go(mirror)

    def _open(self, turn: RunningTurn, *, begins: bool, by: Viewer | None = None) -> Mirror | None:
        if self._hub.live(turn.turn_id) is not None or self._hub.has_ended(turn.turn_id):
            return None
        self._mirrors[turn.turn_id] = mirror = Mirror(turn, begins=begins)
        self._hub.add(mirror, by)
        self._something.set()
        return mirror

    def _take_beginning(self, began: Began, now: float) -> None:
        turn = RunningTurn(
            turn_id=began.turn,
            conversation_id=began.conversation,
            team_id=began.team,
            user_message_id=began.user_message,
            assistant_message_id=began.assistant_message,
            epoch=began.epoch,
            node=began.node,
        )
        mirror = self._mirrors.get(began.turn) or self._open(turn, begins=True)
        if mirror is not None and mirror.epoch == began.epoch:
            mirror.node, mirror.heard_at, mirror.watched_at = began.node, now, float("-inf")
            self._something.set()

    def _take_end(self, end: EndedHere) -> None:
        mirror = self._mirrors.get(end.turn)
        if mirror is None:
            return
        if end.done and mirror.holds_all_of(end.done):
            self._mirrors.pop(mirror.id, None)
            self._hub.end_as_told(mirror, end.state, end.done)
        else:
            mirror.asked = True
            # Should it run after all, the owner did not know it yet, and is asked again.
            mirror.doubted = True
            self._something.set()

    def _let_go(self, mirror: Mirror) -> None:
        """Nobody watches, or nothing more will be known."""
        self._mirrors.pop(mirror.id, None)
        self._hub.drop(mirror)
        self._post.send(mirror.node, Unwatch(self._node, (mirror.id,)))

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause_seconds()):
                    await self._something.wait()
            self._something.clear()
            try:
                self._step(loop.time())
            except Exception:
                log.exception("mirrors_failed")

    def _pause_seconds(self) -> float | None:
        may_read = asyncio.get_running_loop().time() >= self._read_again_at
        if may_read and any(m.asked for m in self._mirrors.values()) and self._reading is None:
            return GAP_PAUSE_SECONDS
        return None if self._alone and not self._mirrors else self._poll_seconds

    def _step(self, now: float) -> None:
        for mirror in list(self._mirrors.values()):
            if not mirror.watchers:
                self._let_go(mirror)
        if self._reading is None and now >= self._read_again_at:
            self._begin_to_read(now)
        if self._bus.alive and not self._bus_was_alive:
            for mirror in self._mirrors.values():
                mirror.watched_at = float("-inf")
        self._bus_was_alive = self._bus.alive
        renew(self._mirrors.values(), self._post, self._node, now, self._poll_seconds)

    def _begin_to_read(self, now: float) -> None:
        alive, poll_seconds = self._bus.alive, self._poll_seconds
        # Each with whether something had called for it.
        due = {
            mirror: mirror.asked
            for mirror in self._mirrors.values()
            if mirror.is_due(now, poll_seconds, bus_alive=alive)
        }
        # For turns whose beginning nobody here heard of.
        pause_seconds = QUIET_SECONDS if alive else poll_seconds
        looks = not self._alone and now - self._looked_at >= pause_seconds
        conversation_ids = tuple(self._hub.watched()) if looks else ()
        if looks:
            self._looked_at = now
        for mirror in due:
            mirror.asked, mirror.read_at = False, now
        if due or conversation_ids:
            self._reading = asyncio.create_task(self._read(due, conversation_ids), name="mirrored")
            self._reading.add_done_callback(self._read_ended)

    async def _read(self, due: Mapping[Mirror, bool], conversation_ids: tuple[UUID, ...]) -> None:
        try:
            if due:
                readings = await self._reader.read({mirror.id: mirror.seq for mirror in due})
                for mirror, asked in due.items():
                    if self._mirrors.get(mirror.id) is mirror:
                        self._apply(mirror, readings.get(mirror.id), asked=asked)
            if conversation_ids:
                found = await self._reader.running_in(conversation_ids)
                self.follow(found)
                self._look_after_strays({turn.turn_id for turn in found})
        except Exception as error:
            log.warning("mirrors_not_read", error=type(error).__name__, turns=len(due))
            self._read_again_at = asyncio.get_running_loop().time() + self._poll_seconds
            for mirror in due:
                # Of what the owner still holds nothing has to wait for the database.
                mirror.asked, mirror.starts_over = True, mirror.has_gap

    def _look_after_strays(self, found: Collection[UUID]) -> None:
        """What should run here and is not found any more has ended: who watches learns it."""
        for turn in [turn for id, turn in self._astray.items() if id not in found]:
            del self._astray[turn.turn_id]
            self._open(turn, begins=False)

    def _read_ended(self, _reading: "asyncio.Task[None]") -> None:
        self._reading = None
        self._something.set()

    def _apply(self, mirror: Mirror, reading: TurnReading | None, *, asked: bool) -> None:
        if reading is None:
            self._let_go(mirror)
        elif reading.ended is not None:
            self._mirrors.pop(mirror.id, None)
            self._hub.end_as_stored(mirror, reading.ended)
        elif reading.epoch != mirror.epoch:
            if reading.chunks:
                self._replace(mirror, reading)
        else:
            if reading.node != mirror.node:
                mirror.node, mirror.starts_over = reading.node, True
            news = mirror.read(reading.chunks)
            if mirror.has_gap or (news and not asked and self._bus.alive):
                mirror.doubted = mirror.starts_over = True

    def _replace(self, mirror: Mirror, reading: TurnReading) -> None:
        """Somebody else goes on with the turn, under a new epoch and from its first chunk."""
        turn = replace(mirror.turn, epoch=reading.epoch, node=reading.node)
        self._mirrors[mirror.id] = new = Mirror(turn, begins=False)
        self._hub.replace(mirror, new)
