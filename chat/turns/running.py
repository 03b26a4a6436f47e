"""The running turns of this process: a task for each, from its launch to its settlement."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

import structlog

from chat.protocol import Error, Notice
from chat.services.ending import Ended, TurnEnd
from chat.services.intents import Admitted
from chat.turns import metrics
from chat.turns.endings import done_event, ended_snapshot
from chat.turns.hub import Hub
from chat.turns.journal import Journal
from chat.turns.live import LiveTurn
from chat.turns.runner import AnswerStream, TurnRunner
from chat.turns.sentences import KEPT, sentence_for
from chat.turns.settling import Settler
from chat.turns.viewer import Viewer

log = structlog.get_logger(__name__)

After = Callable[[TurnEnd], Awaitable[None]]


@dataclass(slots=True)
class _Running:
    live: LiveTurn
    runner: TurnRunner
    task: "asyncio.Task[None]"
    # How it ends is for the database to say: all its text is journaled, or it was lost.
    over: bool = False


class RunningTurns:
    """Owns the tasks of all turns that run here. `idle` is set while there is none."""

    def __init__(
        self,
        relays: AnswerStream,
        journal: Journal,
        settler: Settler,
        hub: Hub,
        after: After | None,
    ) -> None:
        self._relays = relays
        self._journal = journal
        self._settler = settler
        self._hub = hub
        self._after = after
        self._running: dict[UUID, _Running] = {}
        # Called with its conversation when a turn has ended here, whatever its end.
        self.on_end: Callable[[UUID], None] | None = None
        self._stopping_all = False
        self.idle = asyncio.Event()
        self.idle.set()

    def __len__(self) -> int:
        return len(self._running)

    def ids(self) -> tuple[UUID, ...]:
        """The turns that run here."""
        return tuple(self._running)

    def launch(self, admitted: Admitted, by: Viewer | None = None) -> LiveTurn:
        """Run a stored turn. `by` is the viewer that asked and has been told."""
        live = LiveTurn(admitted)
        metrics.turn_started()
        runner = TurnRunner(live, self._relays, self._journal)
        self._hub.add(live, by)
        task = asyncio.create_task(self._own(live, runner), name=f"turn {live.id}")
        self._running[live.id] = _Running(live, runner, task)
        self.idle.clear()
        self._journal.live_turns = len(self._running)
        if self._stopping_all:
            _stop_for_restart(runner)
        return live

    async def ended(self, turn_id: UUID) -> None:
        """Return when a turn does not run here any more; at once if it does not now."""
        running = self._running.get(turn_id)
        if running is not None:
            await asyncio.wait({running.task})

    def interrupt(self, turn_id: UUID, by_id: int | None) -> bool:
        """Stop a turn; false if it does not run here."""
        running = self._running.get(turn_id)
        if running is None:
            return False
        running.runner.stop(by_id=by_id)
        return True

    def fail_all(self, code: str, detail: str) -> None:
        """Stop every turn as failed."""
        for running in list(self._running.values()):
            running.runner.stop("failed", error=(code, detail))

    def stop_all_for_restart(self) -> None:
        """Interrupt every turn, and those that still come."""
        self._stopping_all = True
        for running in list(self._running.values()):
            _stop_for_restart(running.runner)

    async def aclose(self) -> None:
        """Cancel what is left; its text is in the journal."""
        left = [running.task for running in self._running.values()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    def lose(self, turn_ids: Iterable[UUID]) -> None:
        """Another process owns these turns: close their relays and write nothing any more; who
        watches is shown how they ended there."""
        for turn_id in turn_ids:
            running = self._running.get(turn_id)
            # One that is being settled is not running any more, in the database too.
            if running is not None and not running.over:
                running.over = True
                log.warning("turn_lost", turn=str(turn_id))
                metrics.TURNS_LOST.inc()
                self._journal.forget(running.live)
                running.runner.stop("orphaned")

    async def _own(self, live: LiveTurn, runner: TurnRunner) -> None:
        try:
            end = await runner.run()
            if live.lost:
                await self._show_end_elsewhere(live, end)
            else:
                await self._settle(live, end)
        except asyncio.CancelledError:
            # Held back until the database would have said whose the turn is: the spool asks again.
            if runner.unsaid is not None and not live.lost:
                self._settler.keep(runner.unsaid)
            raise
        except Exception:
            log.exception("turn_failed", turn=str(live.id))
            self._let_go(live)
        finally:
            del self._running[live.id]
            if self.on_end is not None and not live.admitted.is_completion:
                self.on_end(live.conversation_id)
            self._journal.live_turns = len(self._running)
            if not self._running:
                self.idle.set()

    async def _settle(self, live: LiveTurn, end: TurnEnd) -> None:
        self._running[live.id].over = True
        notice = Notice(live.id, "waiting", KEPT)
        ended = await self._settler.store(end, on_kept=lambda: live.tell(notice))
        if ended is None or ended.epoch != live.epoch:
            await self._show_end_elsewhere(live, end)
            return
        self._hub.end(live, ended.state, done_event(ended, end.retry_after_seconds))
        if ended.by_this_call:
            await self._follow(end, ended)

    async def _show_end_elsewhere(self, live: LiveTurn, end: TurnEnd) -> None:
        """Show the end that another process gave the turn: its text, then what it cost."""
        ended = await self._settler.taken_over(end)
        if ended is None:
            self._let_go(live)
            return
        live.tell(ended_snapshot(ended))
        self._hub.end(live, ended.state, done_event(ended))

    async def _follow(self, end: TurnEnd, ended: Ended) -> None:
        """Do what comes after a turn was told: no fault of it changes what was told."""
        try:
            metrics.turn_ended(ended, end.attempts)
            if self._after is not None:
                await self._after(end)
        except Exception:
            log.exception("turn_not_followed", turn=str(end.turn_id))

    def _let_go(self, live: LiveTurn) -> None:
        """How the turn ended is not known here, and whoever watches must not wait for it."""
        error = Error("internal_error", sentence_for("internal_error"), turn=live.id)
        self._hub.end(live, "orphaned", error)


def _stop_for_restart(runner: TurnRunner) -> None:
    runner.stop(error=("restarting", "The server restarted."))
