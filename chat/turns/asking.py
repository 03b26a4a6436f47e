"""One answer that a program asked for, followed from its admission to its end.

The answer reaches whoever asked event by event, in order, each once, whichever process writes it.
A slow reader holds nothing up: what is new waits in the turn, not here.
"""

import asyncio
from collections.abc import Awaitable, Callable

from accounts.policy import Principal
from chat.crossing import cross
from chat.protocol import Chunk, Done, Error, Notice, Snapshot, decode_event
from chat.services.intents import Admitted
from chat.services.interruption import note_interrupt
from chat.turns.endings import done_event, ended_snapshot
from chat.turns.engine import Engine
from chat.turns.viewer import Viewer

TurnEvent = Chunk | Snapshot | Notice | Done | Error
Take = Callable[[TurnEvent], Awaitable[None]]

WINDOW_BYTES = 2**53
"""Nothing is acknowledged: what `take` has returned from counts as read."""
QUEUE_EVENTS = 64
PATIENCE_SECONDS = 1e9
LOOK_SECONDS = 2.0
"""A turn of which nothing is seen here is looked up so often."""


class _Over(Exception):
    """The last event was taken."""


class Asking:
    """Call `begin`, then `follow`, and `leave` in any case.

    `principal` is who asks; her name stands with an interruption.
    """

    def __init__(self, engine: Engine, principal: Principal) -> None:
        self._engine = engine
        self._principal = principal
        self._take: Take | None = None
        self._viewer = Viewer(
            self._deliver,
            window_bytes=WINDOW_BYTES,
            ack_timeout_seconds=PATIENCE_SECONDS,
            queue_frames=QUEUE_EVENTS,
        )
        self._admitted: Admitted | None = None
        self._over = False
        self._abandoned = False
        self._left = False

    async def begin(self, store: Callable[[], Awaitable[Admitted]]) -> Admitted:
        """Admit the turn, as `Engine.admit` does, whose errors it raises."""

        async def store_and_note() -> Admitted:
            admitted = await store()
            if self._abandoned and admitted.created and admitted.node != self._engine.node:
                # Before it runs: its owner finds the wish.
                await cross(note_interrupt, admitted.turn_id, self._principal.user_id)
            return admitted

        return await self._engine.admit(store_and_note, self._note, by=self._viewer)

    def abandon(self) -> None:
        """Whoever asked has gone while `begin` is under way: what it begins is stopped at once."""
        self._abandoned = True

    def _note(self, admitted: Admitted) -> None:
        self._admitted = admitted
        if not self._left:
            self._engine.hub.attach(self._viewer, admitted.conversation_id)
        if self._abandoned and admitted.created:
            # It runs a moment after this.
            asyncio.get_running_loop().call_soon(
                self._engine.interrupt_anywhere, admitted.turn_id, self._principal.user_id
            )

    async def follow(self, take: Take) -> None:
        """Hand every event of the turn to `take`: chunks, or a snapshot that replaces them, and
        notices; the last is `Done`, or `Error` where the end is not known. Raises what `take`
        raises, and django.db.Error where the end cannot be read."""
        self._take = take
        pump = asyncio.create_task(self._viewer.pump(), name="asking")
        try:
            while True:
                await self._look()
                if (await asyncio.wait({pump}, timeout=LOOK_SECONDS))[0]:
                    pump.result()
        except _Over:
            return
        finally:
            pump.cancel()
            await asyncio.wait({pump})

    async def _look(self) -> None:
        """Find a turn that is not seen here: it was asked for before, or its process died."""
        admitted = self._admitted
        assert admitted is not None
        if self._over or self._viewer.is_following():
            return
        ended = await self._engine.records.stored_end(admitted.turn_id)
        if self._over or self._viewer.is_following():
            return
        if ended is None:
            await self._engine.mirrors.look(admitted.conversation_id)
        else:
            self._viewer.say(ended_snapshot(ended))
            self._viewer.say(done_event(ended))

    async def _deliver(self, text: str) -> None:
        event = decode_event(text)
        if self._over or not isinstance(event, TurnEvent):
            return
        assert self._take is not None
        assert self._admitted is not None
        if event.turn not in (None, self._admitted.turn_id):
            # Another turn of a conversation that several people see.
            return
        await self._take(event)
        if isinstance(event, Done | Error):
            self._over = True
            raise _Over

    async def interrupt(self) -> None:
        """Stop the turn, wherever it runs, at once; nothing if it has ended or never began."""
        admitted = self._admitted
        if admitted is None or self._over:
            return
        if not self._engine.interrupt(admitted.turn_id, self._principal.user_id):
            self._engine.interrupt_anywhere(admitted.turn_id, self._principal.user_id)
            # What the bus loses, the owner finds there with its next beat.
            await cross(note_interrupt, admitted.turn_id, self._principal.user_id)

    def leave(self) -> None:
        """Watch no more. The turn goes on unless it was interrupted."""
        self._left = True
        if self._admitted is not None:
            self._engine.hub.detach(self._viewer, self._admitted.conversation_id)
        self._viewer.unwatch_all()
