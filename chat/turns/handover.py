"""Turns handed from one process to another, as either side does it."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar
from uuid import UUID

import structlog

from chat.crossing import cross
from chat.queries.running import RunningTurn
from chat.services import handover
from chat.services.intents import Admitted
from chat.turns.bus import LookForWork
from chat.turns.post import Post

log = structlog.get_logger(__name__)

LAST_LOOK_SECONDS = 2.0
"""At the end a look that the database has not answered is waited for so long."""

Outcome = TypeVar("Outcome")


class HandoverDesk(Protocol):
    """Where turns wait for the process that is to run them. All raise django.db.Error."""

    async def leave(self, admit: Callable[..., Outcome]) -> Outcome:
        """Store a turn for another process, as `chat.services.handover.hand_over` does."""

    async def take(self, node: str) -> Sequence[Admitted]:
        """Take what waits for this process."""

    async def hand_on(self, node: str) -> Mapping[UUID, str]:
        """Hand what waits for this process to others; gives which turn went where."""

    async def give_up(self) -> int:
        """Take back what nobody can take any more."""


class DatabaseHandoverDesk:
    """The handovers in the product's database."""

    async def leave(self, admit: Callable[..., Outcome]) -> Outcome:
        """Store a turn for another process."""
        return await cross(handover.hand_over, admit)

    async def take(self, node: str) -> Sequence[Admitted]:
        """Take what waits."""
        return await cross(handover.take, node)

    async def hand_on(self, node: str) -> Mapping[UUID, str]:
        """Hand on what waits."""
        return await cross(handover.hand_on, node)

    async def give_up(self) -> int:
        """Take back what nobody can take."""
        return await cross(handover.give_up)


class Handovers:
    """Looks for turns that were handed to this process: at once when told, and every `look_seconds`
    as the net under that. A process of the role `web` hands them out instead."""

    def __init__(
        self,
        desk: HandoverDesk | None,
        launch: Callable[[Admitted], None],
        post: Post,
        *,
        node: str,
        role: str,
        look_seconds: float,
    ) -> None:
        """`launch` runs a turn that was taken. Without a desk there is nothing to hand over."""
        self._desk = desk
        self._launch = launch
        self._post = post
        self._node = node
        self._hands_out = role == "web"
        self._look_seconds = look_seconds
        self._draining = False
        self._wakeup = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        # One look at a time; a drain waits for the one under way.
        self._looking = asyncio.Lock()
        self._last_look: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to look, in a task owned by this object until `aclose`."""
        if self._desk is not None:
            self._task = asyncio.create_task(self._run(), name="handovers")

    def look(self) -> None:
        """Something waits for this process."""
        self._wakeup.set()

    def tell(self, admitted: Admitted) -> RunningTurn:
        """Say to the process that shall run a turn that it waits there; gives where it runs."""
        self._post.send(admitted.node, LookForWork(self._node, admitted.turn_id))
        return RunningTurn(
            turn_id=admitted.turn_id,
            conversation_id=admitted.conversation_id,
            team_id=admitted.team_id,
            user_message_id=admitted.user_message_id,
            assistant_message_id=admitted.assistant_message_id,
            epoch=admitted.epoch,
            node=admitted.node,
        )

    async def drain(self) -> None:
        """Hand what comes from now on to others, and run only what nobody else can. A database that
        does not answer is not waited for."""
        if self._desk is None or self._closed:
            return
        self._draining = True
        if self._last_look is None or self._last_look.done():
            self._last_look = asyncio.create_task(self._look(), name="last look")
        await asyncio.wait({self._last_look}, timeout=LAST_LOOK_SECONDS)

    async def store(self, admit: Callable[..., Outcome]) -> Outcome:
        """Store a turn by `admit(node=...)`, in a thread that may use the database: for this
        process, or for one that runs turns where this one does not. Raises NoRunner, and what
        `admit` raises."""
        if self._desk is not None and self._hands_out:
            return await self._desk.leave(admit)
        return await cross(admit, node=self._node)

    async def aclose(self) -> None:
        """Take nothing any more: what still comes is taken by others."""
        await self.drain()
        self._closed = True
        with contextlib.suppress(TimeoutError):
            # What is being taken now is ours, and is launched.
            async with asyncio.timeout(LAST_LOOK_SECONDS), self._looking:
                pass
        tasks = {task for task in (self._task, self._last_look) if task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._look_seconds):
                    await self._wakeup.wait()
            except TimeoutError:
                pass
            self._wakeup.clear()
            await self._look()

    async def _look(self) -> None:
        desk = self._desk
        if desk is None:
            return
        try:
            async with self._looking:
                if self._hands_out:
                    if turns := await desk.give_up():
                        log.error("no_runner", turns=turns)
                    return
                if self._draining:
                    for turn_id, node in (await desk.hand_on(self._node)).items():
                        self._post.send(node, LookForWork(self._node, turn_id))
                for admitted in await desk.take(self._node):
                    self._launch(admitted)
        except Exception as error:
            # The next look tries again.
            log.warning("handovers_not_taken", error=type(error).__name__)
