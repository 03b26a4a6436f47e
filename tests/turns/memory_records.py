"""The double of the stored turns and leases."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

from chat.services.ending import Ended, TurnEnd
from chat.services.leases import BeatAnswer, BeatOf


class MemoryRecords:
    """Stored turns in memory; `error` makes storing fail, `gate` closed makes questions hang."""

    def __init__(self) -> None:
        self.ends: list[TurnEnd] = []
        self.error: Exception | None = None
        self.failures = 0
        self.wanted: dict[UUID, int | None] = {}
        self.questions = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.released = ""
        self.completed: list[TurnEnd] = []
        # Turns without a living owner, those that this process lost, and who took what over.
        self.left_behind: list[UUID] = []
        self.lost: set[UUID] = set()
        self.adopted: list[UUID] = []
        self.lease_age_seconds: float | None = 0.0

    async def end(self, end: TurnEnd) -> Ended | None:
        if self.error is not None:
            self.failures += 1
            raise self.error
        self.ends.append(end)
        return ended(end)

    async def beat(self, beat: BeatOf) -> BeatAnswer:
        self.questions += 1
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return BeatAnswer(
            {id: by for id, by in self.wanted.items() if id in beat.turn_ids},
            frozenset(self.lost.intersection(beat.turn_ids)),
            self.lease_age_seconds,
        )

    async def stored_end(self, turn_id: UUID) -> Ended | None:
        return next((ended(end) for end in self.ends if end.turn_id == turn_id), None)

    async def orphans(self, lease_seconds: float) -> Sequence[UUID]:
        return list(self.left_behind)

    async def adopt(self, turn_id: UUID) -> Ended | None:
        if turn_id not in self.left_behind:
            return None
        self.left_behind.remove(turn_id)
        self.adopted.append(turn_id)
        taken = TurnEnd(turn_id, 2, "gpt-4.1", "orphaned", "", "", (), error_code="restarting")
        self.ends.append(taken)
        return ended(taken)

    async def complete(self, end: TurnEnd) -> bool:
        self.completed.append(end)
        for number, stored in enumerate(self.ends):
            if stored.turn_id == end.turn_id and end.content.startswith(stored.content):
                self.ends[number] = replace(stored, content=end.content)
                return True
        return False

    async def release(self, node: str) -> None:
        self.released = node


def ended(end: TurnEnd) -> Ended:
    """What the database would have made of an end."""
    return Ended(
        turn_id=end.turn_id,
        conversation_id=uuid4(),
        assistant_message_id=uuid4(),
        epoch=end.epoch,
        state=end.state,
        content=end.content,
        reasoning=end.reasoning,
        extras=end.extras,
        finish_reason=end.finish_reason,
        error_code=end.error_code,
        error_message=end.error_message,
        prompt_tokens=1,
        completion_tokens=1,
        cached_tokens=None,
        reasoning_tokens=None,
        cost_nano_usd=1,
        quality="reported",
        ttft_ms=1,
        total_ms=1,
        sha256="",
        by_this_call=True,
    )
