"""The tables of a run, and what the services do to them: each method is one transaction.

The statements are those of chat/turns/store.py and of ending, leases, recovery, interruption and
admission in chat/services, in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from uuid import UUID

from accounts.policy import NotVisible
from chat.protocol import Chunk
from chat.queries.running import LATELY, RunningTurn, TurnReading
from chat.services.ending import Ended, TurnEnd
from chat.services.intents import Admitted
from chat.services.leases import BeatAnswer, BeatOf
from tests.simulation.chance import Chance
from tests.simulation.rows import TurnRow, admitted_of, ended_of, short
from tests.simulation.trace import Trace

CLOCK_AHEAD_SECONDS = 1_000_000.0
"""The database's clock is nobody else's."""


class Tables:
    """Turns with their journals, and leases."""

    def __init__(self, now: Callable[[], float], chance: Chance, trace: Trace) -> None:
        self._now = now
        self._chance = chance
        self._trace = trace
        self.turns: dict[UUID, TurnRow] = {}
        self.sent: dict[tuple[int, UUID], UUID] = {}
        self.beaten: dict[str, float] = {}
        # Whether a process runs a turn, as the world knows.
        self.runs_at: Callable[[str, UUID], bool] = lambda _node, _turn: True
        # How old the youngest lease was whose turns were taken over.
        self.least_age_seconds = float("inf")
        # Every chunk that was ever committed, with its epoch.
        self.committed: set[tuple[UUID, int, int]] = set()

    def start_turn(
        self, requester: int, client_id: UUID, conversation: UUID, team: UUID, node: str
    ) -> Admitted:
        before = self.sent.get((requester, client_id))
        if before is not None:
            return admitted_of(self.turns[before], created=False)
        new = self._chance.uuid
        row = TurnRow(new(), conversation, team, requester, client_id, new(), new(), node)
        self.turns[row.id] = row
        self.sent[requester, client_id] = row.id
        self._trace.note("database", f"turn {short(row.id)} begins at {node}")
        return admitted_of(row, created=True)

    def append(self, chunks: Sequence[Chunk]) -> Collection[UUID]:
        lost: dict[UUID, None] = {}
        for chunk in chunks:
            row = self.turns[chunk.turn]
            if row.epoch == chunk.epoch and row.state == "running":
                row.chunks.setdefault((chunk.epoch, chunk.seq), chunk)
                self.committed.add((chunk.turn, chunk.epoch, chunk.seq))
            else:
                lost[chunk.turn] = None
        return tuple(lost)

    def end_turn(self, end: TurnEnd) -> Ended | None:
        row = self.turns[end.turn_id]
        won = row.state == "running" and row.epoch == end.epoch
        if won:
            self.settle(row, end)
        return self.stored_end(row.id, by_this_call=won)

    def settle(self, row: TurnRow, end: TurnEnd) -> None:
        """What the winner of the compare-and-set stores."""
        row.state, row.content, row.reasoning = end.state, end.content, end.reasoning
        row.error_code, row.error_message = end.error_code, end.error_message
        row.finish_reason = end.finish_reason
        row.sha256 = hashlib.sha256(end.content.encode()).hexdigest()
        row.settled += 1
        row.ended_at = self._now()
        row.chunks.clear()
        self._trace.note("database", f"turn {short(row.id)} ends {end.state} {end.error_code}")

    def stored_end(
        self, turn_id: UUID, *, conversation_id: UUID | None = None, by_this_call: bool = False
    ) -> Ended | None:
        row = self.turns.get(turn_id)
        if row is None or conversation_id not in (None, row.conversation):
            raise NotVisible
        if row.state == "running":
            return None
        return ended_of(row, by_this_call=by_this_call)

    def request_interrupt(self, turn_id: UUID, by_id: int) -> TurnRow:
        row = self.turns[turn_id]
        if row.state == "running" and not row.stop_asked:
            row.stop_asked, row.stopped_by = True, by_id
        return row

    def beat(self, of: BeatOf) -> BeatAnswer:
        now = self._now() + CLOCK_AHEAD_SECONDS
        age_seconds = now - self.beaten[of.node] if of.node in self.beaten else None
        self.beaten[of.node] = now
        mine = [self.turns[id] for id in of.turn_ids]
        mine = [row for row in mine if row.state == "running"]
        stop = {row.id: row.stopped_by for row in mine if row.stop_asked}
        rows = self.turns.values()
        owned = {row.id for row in rows if row.node == of.node and row.state == "running"}
        ours = frozenset(of.turn_ids)
        return BeatAnswer(stop, ours - owned, age_seconds, frozenset(owned) - ours)

    def orphans(self, lease_seconds: float, by: str) -> list[UUID]:
        latest = self._now() + CLOCK_AHEAD_SECONDS - lease_seconds
        alive = {name for name, beaten in self.beaten.items() if beaten > latest}
        if by not in alive:
            return []
        return [
            row.id
            for row in self.turns.values()
            if row.state == "running" and row.node not in alive
        ]

    def take_over(self, turn_id: UUID) -> int | None:
        """The first statement of a recovery: gives the new epoch."""
        row = self.turns[turn_id]
        if row.state == "running":
            self._trace.note("database", f"turn {short(row.id)} is taken from {row.node}")
            if self.runs_at(row.node, turn_id):
                age_seconds = self._now() + CLOCK_AHEAD_SECONDS - self.beaten.get(row.node, 0.0)
                self.least_age_seconds = min(self.least_age_seconds, age_seconds)
        if row.state != "running":
            return None
        row.epoch += 1
        return row.epoch

    def journaled_end(self, turn_id: UUID, epoch: int) -> Ended | None:
        """The rest of a recovery: what was journaled is the answer."""
        row = self.turns[turn_id]
        newest = max((key[0] for key in row.chunks), default=0)
        chunks: list[Chunk] = []
        while (chunk := row.chunks.get((newest, len(chunks) + 1))) is not None:
            chunks.append(chunk)
        end = TurnEnd(
            turn_id,
            epoch,
            "simulated",
            "orphaned",
            "".join(chunk.content for chunk in chunks),
            "".join(chunk.reasoning for chunk in chunks),
            (),
            error_code="restarting",
            error_message="The server stopped while this answer was written.",
        )
        return self.end_turn(end)

    def complete(self, end: TurnEnd) -> bool:
        """The rest of a text that was settled with less."""
        row = self.turns[end.turn_id]
        begins = end.content.startswith(row.content) and end.reasoning.startswith(row.reasoning)
        same = (end.content, end.reasoning) == (row.content, row.reasoning)
        if row.state != "orphaned" or end.epoch >= row.epoch or not begins or same:
            return False
        row.content, row.reasoning = end.content, end.reasoning
        row.sha256 = hashlib.sha256(end.content.encode()).hexdigest()
        row.completed_late = True
        self._trace.note("database", f"turn {short(row.id)} gets the rest of its text")
        return True

    def release(self, node: str) -> None:
        self.beaten.pop(node, None)

    def running_in(
        self, conversations: Collection[UUID], *, ended_after: float = float("inf")
    ) -> list[RunningTurn]:
        return [
            RunningTurn(
                row.id,
                row.conversation,
                row.team,
                row.user_message,
                row.assistant_message,
                row.epoch,
                row.node,
            )
            for row in self.turns.values()
            if row.conversation in conversations
            and (row.state == "running" or (row.ended_at or 0.0) > ended_after)
        ]

    def lately_in(self, conversations: Collection[UUID]) -> list[RunningTurn]:
        return self.running_in(conversations, ended_after=self._now() - LATELY.total_seconds())

    def read(self, after: Mapping[UUID, int]) -> dict[UUID, TurnReading]:
        found = {}
        for id, seq in after.items():
            row = self.turns.get(id)
            if row is None:
                continue
            keys = sorted(key for key in row.chunks if key[0] == row.epoch and key[1] > seq)
            ended = None if row.state == "running" else ended_of(row)
            chunks = tuple(row.chunks[key] for key in keys)
            found[id] = TurnReading(row.epoch, row.node, chunks, ended)
        return found
