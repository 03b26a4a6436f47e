"""Limits of a key that an administrator changes while turns go through and wait."""

from collections.abc import AsyncIterator

import pytest

from chat.relay.errors import RelayRateLimited
from chat.turns.limits.meter import KeyLimits
from tests.turns.doubles import until
from tests.turns.limiting import (
    ALICE,
    BOB,
    CHARLIE,
    Bench,
    Visit,
    bench,
    claim,
    enters_at_once,
)

ONE_STREAM = KeyLimits(concurrent_streams=1)


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.services)])
async def counts(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    redis_url = None if request.param == "memory" else request.getfixturevalue("valkey_url")
    async with bench(redis_url) as made:
        yield made


async def test_a_debt_shrinks_with_a_limit_that_is_lowered(counts: Bench) -> None:
    gate = counts.gate(KeyLimits(tokens_per_minute=100_000))
    visit = Visit(gate, claim())
    await visit.goes_through()
    await visit.leave(tokens=400_000)
    await until(lambda: not gate._chores)
    gate.change_limits(KeyLimits(tokens_per_minute=100))
    with pytest.raises(RelayRateLimited) as refused:
        await Visit(gate, claim()).task
    assert refused.value.retry_after_seconds == pytest.approx(5 * 60, abs=3)


async def test_a_limit_may_be_lowered_to_none_and_raised_while_turns_wait(counts: Bench) -> None:
    gate = counts.gate(ONE_STREAM)
    running = Visit(gate, claim(ALICE))
    await running.goes_through()
    bob, charlie = Visit(gate, claim(BOB)), Visit(gate, claim(CHARLIE))
    await until(lambda: charlie.notices)
    gate.change_limits(KeyLimits(concurrent_streams=2))
    await bob.goes_through()
    assert not charlie.through.is_set()
    gate.change_limits(KeyLimits())
    await charlie.goes_through()
    # Who went through without a limit is counted in this process, and does no harm elsewhere.
    gate.change_limits(ONE_STREAM)
    for visit in (running, bob, charlie):
        await visit.leave()
    await until(lambda: not gate._chores)
    assert await enters_at_once(gate, claim())
    assert not await enters_at_once(gate, claim())
