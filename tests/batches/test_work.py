"""How a process works a batch off: what it waits for, what stops the batch, what fails a line."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast
from uuid import UUID

import pytest

from accounts.policy import Principal
from accounts.services import keys
from accounts.services.principals import principal_for_key_id
from chat.crossing import cross
from chat.models import Batch, BatchLine
from chat.relay.errors import ModelUnknown, RelayUnavailable
from chat.services.errors import ModelForbidden, Restarting
from chat.services.intents import Admitted, Models
from chat.turns.batches.asking import Question
from chat.turns.batches.runner import has_room
from chat.turns.batches.work import BatchWork
from chat.turns.engine import Engine
from tests.batches.working import batch_of, completion_of, dies, lives, take
from tests.chat.admitting import MODEL, finish
from tests.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("funded")]
HERE = "here"
PATIENCE_SECONDS = 20.0
AWAY = {"state": "failed", "content": "", "error_code": "relay_unavailable"}


class Relayless:
    """An engine whose turns are answered as soon as `full_at` of them ran together."""

    def __init__(self) -> None:
        self.node, self.draining = HERE, False
        self.handovers = self.running = self
        self.refuses: list[Exception] = []
        # So many turns end as those of a relay that is away.
        self.fails = 0
        self.most_running, self.full_at, self.full = 0, 1, asyncio.Event()
        self._turns: dict[UUID, Admitted] = {}

    async def admit(
        self, store: Callable[[], Awaitable[Admitted]], tell: Callable[[Admitted], None]
    ) -> Admitted:
        if self.refuses:
            raise self.refuses.pop(0)
        admitted = await store()
        self._turns[admitted.turn_id] = admitted
        self.most_running = max(self.most_running, len(self._turns))
        if self.most_running >= self.full_at:
            self.full.set()
        return admitted

    async def store(self, admit: Callable[..., Admitted]) -> Admitted:
        return await cross(admit, node=self.node)

    async def ended(self, turn_id: UUID) -> None:
        await self.full.wait()
        if (turn := self._turns.pop(turn_id, None)) is not None:
            away, self.fails = self.fails > 0, self.fails - 1
            await cross(partial(finish, turn, **(AWAY if away else {})))


async def ask(body: str) -> Question:
    return Question(completion_of(body), Models(MODEL))


def work_on(batch: Batch, engine: Relayless, asking: Any = ask) -> BatchWork:
    return BatchWork(
        batch.pk, cast(Engine, engine), look_seconds=0.02, may_begin=lambda _: True, ask=asking
    )


async def run(work: BatchWork) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await work.run()


def taken(who: Principal, lines: int = 3, **fields: Any) -> Batch:
    batch = batch_of(who, lines, **fields)
    lives(HERE)
    assert take(HERE) == [batch.pk]
    return batch


def states(batch: Batch) -> list[str]:
    return list(batch.lines.order_by("number").values_list("state", flat=True))


async def test_never_more_lines_are_under_way_than_were_asked_for(bob: Principal) -> None:
    batch, engine = await cross(taken, bob, 7, concurrency=3), Relayless()
    engine.full_at = 3
    await run(work_on(batch, engine))
    assert await cross(states, batch) == 7 * ["answered"]
    assert engine.most_running == 3


def test_no_batch_takes_the_room_of_the_others() -> None:
    assert has_room(3, 3, batches=1, most=4)
    assert not has_room(4, 4, batches=1, most=4)
    assert not has_room(2, 3, batches=2, most=4)
    assert has_room(1, 3, batches=2, most=4)
    assert has_room(0, 1, batches=9, most=4)


async def test_what_passes_by_itself_is_waited_for(bob: Principal) -> None:
    batch, engine = await cross(taken, bob, 1), Relayless()
    engine.refuses = [Restarting()]
    await run(work_on(batch, engine))
    assert await cross(states, batch) == ["answered"]


async def test_a_limit_of_requests_holds_the_line_until_it_has_passed(
    bob: Principal, settings: Any
) -> None:
    settings.LIMITS = replace(settings.LIMITS, max_requests_per_minute_per_person=1)
    batch, engine = await cross(taken, bob, 2, concurrency=1), Relayless()
    task = asyncio.create_task(run(work_on(batch, engine)))

    def held() -> bool:
        return batch.lines.filter(state="waiting", not_before__isnull=False).exists()

    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await cross(held):
            await asyncio.sleep(0.02)
    assert sorted(await cross(states, batch)) == ["answered", "waiting"]
    task.cancel()
    await asyncio.wait({task})


async def test_what_is_wrong_with_a_line_fails_it_alone(bob: Principal) -> None:
    wrong: list[Exception] = [
        ModelUnknown("Near: gpt-4.1.", model="gpt4", near_matches=("gpt-4.1",)),
        ModelForbidden(),
        ValueError("of the server's own"),
    ]

    async def refuse_some(body: str) -> Question:
        if wrong:
            raise wrong.pop(0)
        return await ask(body)

    batch = await cross(taken, bob, 4, concurrency=1)
    await run(work_on(batch, Relayless(), refuse_some))

    assert await cross(states, batch) == ["failed", "failed", "failed", "answered"]
    told = await cross(
        lambda: list(batch.lines.order_by("number").values_list("error_code", "error_message"))
    )
    assert told[0] == ("model_unknown", "No relay offers the model 'gpt4'. Did you mean gpt-4.1?")
    assert [code for code, _ in told] == [
        "model_unknown",
        "model_not_allowed",
        "internal_error",
        "",
    ]
    assert "own" not in told[2][1]


async def test_while_no_relay_tells_its_models_the_lines_wait(
    bob: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.turns.batches.work.PASSING_SECONDS", 0.05)
    away: list[Exception] = [RelayUnavailable(), RelayUnavailable()]

    async def refuse_some(body: str) -> Question:
        if away:
            raise away.pop(0)
        return await ask(body)

    batch = await cross(taken, bob, 1)
    await run(work_on(batch, Relayless(), refuse_some))
    assert await cross(states, batch) == ["answered"]


async def test_while_the_relay_fails_all_lines_none_of_them_fails(
    bob: Principal, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first two failures, before which nobody knows that it is the relay, may be of one line.
    settings.BATCHES = replace(settings.BATCHES, line_tries=3, retry_seconds=0.01)
    monkeypatch.setattr("chat.turns.batches.patience.FIRST_PAUSE_SECONDS", 0.01)
    batch, engine = await cross(taken, bob, 3, concurrency=2), Relayless()
    engine.fails = 8
    await run(work_on(batch, engine))
    assert await cross(states, batch) == ["answered"] * 3


async def test_a_relay_that_is_away_too_long_stops_the_batch(
    bob: Principal, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BATCHES = replace(settings.BATCHES, retry_seconds=0.01)
    monkeypatch.setattr("chat.turns.batches.patience.PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr("chat.turns.batches.patience.FAILURES_OF_AN_HOUR", 2)
    batch, engine = await cross(taken, bob, 3), Relayless()
    engine.fails = 100
    await run(work_on(batch, engine))
    await cross(batch.refresh_from_db)
    assert (batch.state, batch.stop_code) == ("stopped", "relay_unavailable")


async def test_a_revoked_key_stops_the_batch_and_says_so(bob: Principal, people: Cast) -> None:
    def by_key() -> Batch:
        made = keys.create_api_key(people.bob, people.team, "for a batch")
        holder = principal_for_key_id(made.key.pk)
        assert holder is not None
        batch = taken(holder)
        keys.revoke_api_key(made.key)
        return batch

    batch = await cross(by_key)
    await run(work_on(batch, Relayless()))

    await cross(batch.refresh_from_db)
    assert (batch.state, batch.stop_code) == ("stopped", "forbidden")
    assert "Resume the batch" in batch.stop_message
    assert await cross(states, batch) == 3 * ["waiting"]


async def test_while_the_process_drains_nothing_begins_and_another_goes_on(bob: Principal) -> None:
    batch, engine = await cross(taken, bob, 3, concurrency=1), Relayless()
    engine.draining = True
    task = asyncio.create_task(run(work_on(batch, engine)))
    await asyncio.sleep(0.2)
    assert await cross(lambda: BatchLine.objects.filter(tries__gt=0).exists()) is False

    def hand_over() -> None:
        dies(HERE)
        lives("there")
        take("there")

    await cross(hand_over)
    await task
    other = Relayless()
    other.node = "there"
    await run(work_on(batch, other))
    assert await cross(states, batch) == 3 * ["answered"]
