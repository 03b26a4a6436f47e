"""One batch, worked off by one process."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

import structlog
from django.db import Error as DatabaseError

from accounts.policy import PolicyRefusal, StaleRights
from chat.completions import ProgramError
from chat.crossing import cross
from chat.relay.errors import ModelUnknown, RelayError
from chat.services.batch_asking import (
    LineGone,
    NextLine,
    Standing,
    admit_line,
    hold_line,
    standing_of,
)
from chat.services.batch_ends import end_line, fail_line, halt_batch
from chat.services.batch_taking import purge_batch
from chat.services.errors import (
    BudgetTooSmall,
    RateLimited,
    Refused,
    Restarting,
    StorageUnavailable,
    TooManyTurns,
)
from chat.turns.batches.asking import Question, question_of
from chat.turns.batches.patience import RELAY_AWAY, RelayPatience
from chat.turns.engine import Engine

log = structlog.get_logger(__name__)

PASSING = (TooManyTurns, RateLimited, Restarting, StorageUnavailable, StaleRights)
"""Refusals that pass by themselves."""
PASSING_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 5.0


class BatchWork:
    """Keeps as many lines of a batch under way as it may have. Call `run` once.

    `may_begin` says whether this process has room for one more turn of a batch with so many;
    `under_way` are the lines of this one.
    """

    def __init__(
        self,
        batch_id: UUID,
        engine: Engine,
        *,
        look_seconds: float,
        may_begin: Callable[[int], bool],
        ask: Callable[[str], Awaitable[Question]] = question_of,
    ) -> None:
        self.batch_id = batch_id
        self._engine = engine
        self._look_seconds = look_seconds
        self._may_begin = may_begin
        self._ask = ask
        self._following: dict[int, asyncio.Task[None]] = {}
        self._wakeup = asyncio.Event()
        # By the event loop's clock: no line is begun before.
        self._paused_until = 0.0
        self._pause_seconds = PASSING_SECONDS
        # The budget is held by the lines under way: what they do not need comes back.
        self._waits_for_an_end = False
        self._patience = RelayPatience()

    @property
    def under_way(self) -> int:
        """Lines whose turns run."""
        return len(self._following)

    async def quiet(self) -> None:
        """Return when the lines under way now have ended, and that is noted."""
        if self._following:
            await asyncio.wait(list(self._following.values()))

    async def run(self) -> None:
        """Return when there is nothing left to do here: all lines have ended, it was stopped, or
        another process has it. While the process drains nothing is begun."""
        try:
            while await self._step():
                pass
        finally:
            for task in self._following.values():
                task.cancel()
            if self._following:
                await asyncio.wait(self._following.values())

    async def _step(self) -> bool:
        """Do what can be done now, and wait until there may be more; false at the end."""
        self._wakeup.clear()
        try:
            standing = await cross(standing_of, self.batch_id, self._engine.node)
            if standing is None:
                return False
            self._follow_all(standing)
            if not standing.is_running and not standing.running_lines:
                if standing.is_deleted:
                    await cross(purge_batch, self.batch_id)
                return False
            for turn_id, by_id in standing.stop.items():
                self._engine.interrupt_anywhere(turn_id, by_id)
            if self._patience.is_over(asyncio.get_running_loop().time()):
                self._patience = RelayPatience()
                await self._halt("relay_unavailable", RELAY_AWAY)
            elif standing.next is not None and self._may_ask():
                await self._begin(standing.next)
                return True
        except DatabaseError as error:
            log.warning("batch_waits", batch=str(self.batch_id), error=type(error).__name__)
            self._pause(PASSING_SECONDS)
            standing = None
        await self._wait(standing)
        return True

    def _may_ask(self) -> bool:
        now = asyncio.get_running_loop().time()
        ready = now >= self._paused_until and not self._waits_for_an_end
        ready = ready and self._patience.may_begin(now, len(self._following))
        return ready and not self._engine.draining and self._may_begin(self.under_way)

    async def _wait(self, standing: Standing | None) -> None:
        seconds = self._look_seconds
        if standing is not None and standing.wait_seconds is not None:
            seconds = min(seconds, max(standing.wait_seconds, 0.01))
        try:
            async with asyncio.timeout(seconds):
                await self._wakeup.wait()
        except TimeoutError:
            pass

    async def _begin(self, line: NextLine) -> None:
        """Ask one line, or do what its refusal says."""
        try:
            question = await self._ask(line.body)
            admit = partial(
                admit_line, self.batch_id, line.line_id, question.completion, models=question.models
            )
            admitted = await self._engine.admit(
                lambda: self._engine.handovers.store(admit), lambda _admitted: None
            )
        except LineGone:
            return
        except PASSING as error:
            await self._hold(line, error)
        except BudgetTooSmall as error:
            await self._spare(error)
        except PolicyRefusal as error:
            await self._halt("forbidden", str(error))
        except (Refused, ProgramError, ModelUnknown) as error:
            # This line alone is wrong.
            await cross(fail_line, self.batch_id, line.line_id, error.code, _told(error))
        except RelayError as error:
            # Nobody tells which models there are: no line can be asked.
            log.warning("batch_waits", batch=str(self.batch_id), error=error.code)
            self._pause(self._pause_seconds)
            self._pause_seconds = min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
        except DatabaseError:
            raise
        except Exception:
            # Whatever it is, the others must not wait for it.
            log.exception("line_not_begun", line=line.line_id)
            told = "Something went wrong on the server. Tell an administrator."
            await cross(fail_line, self.batch_id, line.line_id, "internal_error", told)
        else:
            self._pause_seconds = PASSING_SECONDS
            self._follow(line.line_id, admitted.turn_id)

    async def _hold(self, line: NextLine, error: Exception) -> None:
        seconds = getattr(error, "retry_after_seconds", None) or PASSING_SECONDS
        self._pause(seconds)
        if isinstance(error, RateLimited):
            await cross(hold_line, line.line_id, seconds)

    async def _spare(self, error: BudgetTooSmall) -> None:
        if self._following:
            self._waits_for_an_end = True
        else:
            await self._halt(error.code, error.message)

    async def _halt(self, code: str, message: str) -> None:
        log.info("batch_stopped", batch=str(self.batch_id), code=code)
        await cross(halt_batch, self.batch_id, self._engine.node, code, message)

    def _pause(self, seconds: float) -> None:
        self._paused_until = asyncio.get_running_loop().time() + seconds

    def _follow_all(self, standing: Standing) -> None:
        """Also those that another process began."""
        for line_id, turn_id in standing.running_lines.items():
            self._follow(line_id, turn_id)

    def _follow(self, line_id: int, turn_id: UUID) -> None:
        if line_id in self._following:
            return
        task = asyncio.create_task(self._end_of(line_id, turn_id), name=f"line {line_id}")
        self._following[line_id] = task
        task.add_done_callback(lambda _task: self._ended(line_id))

    def _ended(self, line_id: int) -> None:
        del self._following[line_id]
        self._waits_for_an_end = False
        self._wakeup.set()

    async def _end_of(self, line_id: int, turn_id: UUID) -> None:
        """Wait for a turn's end, wherever it runs or whoever settles it, and take it."""
        while True:
            await self._engine.running.ended(turn_id)
            try:
                blameless = self._patience.relay_fails
                taken = await cross(end_line, line_id, turn_id, relay_fails=blameless)
                if taken is not None:
                    self._patience.note(taken, asyncio.get_running_loop().time())
                    return
            except Exception as error:
                # The next look asks again.
                log.warning("line_not_ended", line=line_id, error=type(error).__name__)
            await asyncio.sleep(self._look_seconds)


def _told(error: Refused | ProgramError | ModelUnknown) -> str:
    if not isinstance(error, ModelUnknown):
        return error.message
    near = ", ".join(error.near_matches)
    hint = f"Did you mean {near}?" if near else "Choose another one."
    return f"No relay offers the model {error.model!r}. {hint}"
