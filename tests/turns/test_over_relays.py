"""Turns over relays on real sockets, settled in a real database: one hold, one charge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from accounts.policy import Principal
from billing.models import Hold, Settlement
from chat.crossing import cross
from chat.models import Attempt, Turn
from chat.relay.demo import Script
from chat.relay.demo import acts as do
from chat.services.ending import Ended, stored_end
from chat.turns.engine import Engine
from chat.turns.records import DatabaseTurnRecords
from tests.chat.admitting import send
from tests.chat.conftest import alice, people
from tests.chat.test_admission import priced
from tests.turns.demo_relays import Relays
from tests.turns.doubles import FAST, seams, until

__all__ = ["alice", "people", "priced"]
pytestmark = pytest.mark.django_db(transaction=True)

BREAKS = Script("breaks", (do.Say(8), do.Reset()))


class Site:
    """An engine over the relays and the database."""

    def __init__(self, relays: Relays, alice: Principal) -> None:
        self._alice = alice
        self.engine = Engine(
            seams(relays, records=DatabaseTurnRecords()),
            FAST,
            node="here",
            beat_seconds=1,
            max_turns=1000,
        )
        self.engine.start()

    async def ask(self, content: str = "Write something short") -> UUID:
        """Send a message."""
        admitted = await self.engine.admit(
            lambda: cross(send, self._alice, content=content, max_tokens=400), lambda _: None
        )
        return admitted.turn_id

    async def end_of(self, turn_id: UUID) -> Ended:
        """Wait for the end of a turn."""
        await until(lambda: turn_id not in self.engine.running_ids(), seconds=10)
        ended = await cross(stored_end, turn_id)
        assert ended is not None
        return ended

    async def answer(self, content: str = "Write something short") -> tuple[Ended, list[Attempt]]:
        """Ask, and wait for the end."""
        turn_id = await self.ask(content)
        return await self.end_of(turn_id), await cross(attempts_of, turn_id)


def attempts_of(turn_id: UUID) -> list[Attempt]:
    return list(Attempt.objects.filter(turn_id=turn_id).order_by("number"))


def charges() -> tuple[int, int]:
    return Hold.objects.count(), Settlement.objects.count()


@pytest.fixture
async def relays() -> AsyncIterator[Relays]:
    async with Relays() as made:
        yield made


@pytest.fixture
async def site(
    relays: Relays, alice: Principal, priced: None, settings: Any
) -> AsyncIterator[Site]:
    settings.TURNS = replace(settings.TURNS, max_turns_per_person=1000)
    made = Site(relays, alice)
    yield made
    await made.engine.aclose()


async def test_the_second_relay_answers_when_the_first_is_gone(relays: Relays, site: Site) -> None:
    first, second = await relays.add(), await relays.add()
    ended, attempts = await site.answer()
    assert [attempt.relay for attempt in attempts] == ["relay 0"]
    await first.aclose()
    ended, attempts = await site.answer()
    assert (ended.state, ended.quality) == ("completed", "reported")
    assert [(attempt.relay, attempt.outcome) for attempt in attempts] == [
        ("relay 0", "failed"),
        ("relay 0", "failed"),
        ("relay 0", "failed"),
        ("relay 1", "completed"),
    ]
    assert [attempt.sent for attempt in attempts] == [False, False, False, True]
    assert [attempt.cost_nano_usd for attempt in attempts] == [0, 0, 0, ended.cost_nano_usd]
    assert await cross(charges) == (2, 2)
    (record,) = second.requests
    assert (ended.prompt_tokens, ended.completion_tokens) == (
        record.prompt_tokens,
        record.tokens_generated,
    )
    turn = await cross(Turn.objects.get, pk=ended.turn_id)
    assert turn.route == "relay 1"


async def test_a_relay_that_is_gone_is_soon_left_alone(relays: Relays, site: Site) -> None:
    await (await relays.add()).aclose()
    await relays.add()
    tries = [len((await site.answer())[1]) for _ in range(4)]
    assert tries == [4, 3, 1, 1]
    assert relays.routes[0].breaker.state == "open"


async def test_a_broken_answer_is_gone_on_with_and_its_tries_add_up(
    relays: Relays, site: Site
) -> None:
    relay = await relays.add(resumes=True)
    whole, _ = await site.answer()
    relay.play_next(BREAKS)
    ended, attempts = await site.answer()
    assert (ended.state, ended.content) == ("completed", whole.content)
    assert [(each.outcome, each.resumed, each.quality) for each in attempts] == [
        ("failed", False, "estimated"),
        ("completed", True, "reported"),
    ]
    assert sum(each.cost_nano_usd for each in attempts) == ended.cost_nano_usd
    assert all(each.cost_nano_usd for each in attempts)
    assert attempts[1].prompt_tokens > attempts[0].prompt_tokens
    assert ended.quality == "estimated"
    assert await cross(charges) == (2, 2)
    assert [record.max_tokens for record in relay.requests] == [400, 400, 400 - 8]


async def test_a_broken_answer_stays_broken_by_default(relays: Relays, site: Site) -> None:
    relay = await relays.add()
    relay.play_next(BREAKS)
    ended, attempts = await site.answer()
    assert (ended.state, ended.error_code) == ("failed", "relay_stream_broken")
    assert ended.content
    assert len(attempts) == 1
