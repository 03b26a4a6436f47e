"""The limits of a key: the same over counts in memory and in a real Redis."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from chat.relay.errors import RelayRateLimited
from chat.relay.gates import Claim
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


async def test_exactly_as_many_requests_go_through_in_a_minute_as_are_allowed(
    counts: Bench,
) -> None:
    gate = counts.gate(KeyLimits(requests_per_minute=5))
    assert [await enters_at_once(gate, claim()) for _ in range(8)] == [True] * 5 + [False] * 3


async def test_requests_asked_for_at_once_are_counted_exactly(counts: Bench) -> None:
    gates = counts.processes(3, KeyLimits(requests_per_minute=5))
    visits = [Visit(chosen, claim(person=i)) for i in range(10) for chosen in gates]
    for gate in gates:
        here = [visit for visit in visits if visit.gate is gate]
        await until(lambda here=here: any(n.delay_seconds for v in here for n in v.notices))
    assert sum(visit.through.is_set() for visit in visits) == 5
    for visit in visits:
        await visit.give_up()


async def test_the_window_slides(counts: Bench) -> None:
    gate = counts.gate(KeyLimits(requests_per_minute=2))
    assert await enters_at_once(gate, claim())
    await counts.pass_seconds(40)
    assert await enters_at_once(gate, claim())
    assert not await enters_at_once(gate, claim())
    await counts.pass_seconds(21)
    assert await enters_at_once(gate, claim())
    assert not await enters_at_once(gate, claim())


async def test_who_waits_for_the_window_is_told_for_how_long(counts: Bench) -> None:
    gate = counts.gate(KeyLimits(requests_per_minute=1))
    assert await enters_at_once(gate, claim())
    await counts.pass_seconds(20)
    visit = Visit(gate, claim())
    await until(lambda: visit.notices)
    assert visit.notices[0].delay_seconds == pytest.approx(40, abs=1)
    assert visit.notices[0].position is None
    await visit.give_up()


async def test_a_prompt_is_charged_when_it_goes_and_the_answer_when_it_ends(counts: Bench) -> None:
    gate = counts.gate(KeyLimits(tokens_per_minute=600))
    first = Visit(gate, claim(tokens=100))
    await first.goes_through()
    second = Visit(gate, claim(tokens=500))
    await second.goes_through()
    assert not await enters_at_once(gate, claim(tokens=50))
    # It used less than was estimated: what is left is there for others.
    await second.leave(tokens=400)
    await until(lambda: not gate._chores)
    assert await enters_at_once(gate, claim(tokens=90))
    # It used more: a debt, which the next one waits for.
    await first.leave(tokens=700)
    await until(lambda: not gate._chores)
    visit = Visit(gate, claim(tokens=10))
    await until(lambda: visit.notices)
    assert visit.notices[0].delay_seconds == pytest.approx(60, abs=3)
    await visit.give_up()
    await counts.pass_seconds(62)
    assert await enters_at_once(gate, claim(tokens=10))


async def test_a_prompt_above_the_limit_waits_for_a_full_bucket_only(counts: Bench) -> None:
    gate = counts.gate(KeyLimits(tokens_per_minute=100))
    assert await enters_at_once(gate, claim(tokens=150))
    assert not await enters_at_once(gate, claim(tokens=1))


async def test_an_absurd_use_closes_the_key_for_minutes_not_for_days(counts: Bench) -> None:
    gate = counts.gate(KeyLimits(tokens_per_minute=100))
    visit = Visit(gate, claim())
    await visit.goes_through()
    await visit.leave(tokens=10**12)
    await until(lambda: not gate._chores)
    with pytest.raises(RelayRateLimited) as refused:
        await Visit(gate, claim()).task
    assert refused.value.retry_after_seconds == pytest.approx(5 * 60, abs=3)
    assert not refused.value.sent


async def test_twenty_turns_of_alice_put_bobs_one_second(counts: Bench) -> None:
    gate = counts.gate(ONE_STREAM)
    running = Visit(gate, claim(ALICE))
    await running.goes_through()
    alice = [Visit(gate, claim(ALICE)) for _ in range(20)]
    await until(lambda: all(visit.notices for visit in alice))
    assert [visit.positions[-1] for visit in alice] == list(range(1, 21))
    assert gate.is_busy()
    bob = Visit(gate, claim(BOB))
    await until(lambda: bob.notices)
    assert bob.positions == [2]
    await running.leave()
    await alice[0].goes_through()
    await alice[0].leave()
    await bob.goes_through()
    assert not any(visit.through.is_set() for visit in alice[1:])
    await bob.leave()
    for visit in alice[1:]:
        await visit.goes_through()
        await visit.leave()
    # A person's own turns come in their order, and each was told of every step.
    assert alice[5].positions == [6, 7, 6, 5, 4, 3, 2, 1]


async def test_whoever_leaves_the_line_makes_the_others_move_up(counts: Bench) -> None:
    gate = counts.gate(ONE_STREAM)
    running = Visit(gate, claim(CHARLIE))
    await running.goes_through()
    alice, bob = Visit(gate, claim(ALICE)), Visit(gate, claim(BOB))
    await until(lambda: bob.notices)
    await alice.give_up()
    await until(lambda: bob.positions == [2, 1])
    await running.leave()
    await bob.goes_through()
    assert gate.active() == 1


async def test_nobody_goes_through_while_the_relay_asked_for_a_pause(counts: Bench) -> None:
    gate, elsewhere = (counts.gate(KeyLimits(concurrent_streams=9)) for _ in range(2))
    await gate.hold_off(30)
    visit = Visit(gate, claim())
    await until(lambda: visit.notices)
    assert visit.notices[0].delay_seconds == pytest.approx(30, abs=1)
    await visit.give_up()
    if counts.redis is not None:
        await until(lambda: not gate._chores)
        assert not await enters_at_once(elsewhere, claim())


async def test_a_short_pause_ends_by_itself(counts: Bench) -> None:
    gate = counts.gate(KeyLimits())
    await gate.hold_off(0.2)
    visit = Visit(gate, claim())
    await visit.goes_through()
    assert [notice.delay_seconds for notice in visit.notices] == [pytest.approx(0.2, abs=0.05)]


async def test_a_pause_longer_than_anybody_waits_is_refused_at_once(counts: Bench) -> None:
    gate = counts.gate(KeyLimits(), queue_seconds=5)
    await gate.hold_off(3600)
    with pytest.raises(RelayRateLimited) as refused:
        await Visit(gate, claim()).task
    assert refused.value.retry_after_seconds == pytest.approx(300, abs=1)
    assert gate.waiting() == 0


async def test_a_wait_has_an_end_and_a_line_has_a_length(counts: Bench) -> None:
    gate = counts.gate(ONE_STREAM, queue_seconds=0.3, queue_length=2)
    running = Visit(gate, claim())
    await running.goes_through()
    waiting = [Visit(gate, claim()) for _ in range(2)]
    await until(lambda: all(visit.notices for visit in waiting))
    with pytest.raises(RelayRateLimited, match="Too many turns wait"):
        await Visit(gate, claim()).task
    for visit in waiting:
        with pytest.raises(RelayRateLimited, match="too late") as refused:
            await visit.task
        assert refused.value.retry_after_seconds
        assert (refused.value.retryable, refused.value.sent) == (False, False)
    assert (gate.waiting(), gate.active()) == (0, 1)


async def test_other_limits_hold_from_now_on(counts: Bench) -> None:
    gate = counts.gate(ONE_STREAM)
    await Visit(gate, claim()).goes_through()
    second = Visit(gate, claim())
    await until(lambda: second.notices)
    gate.change_limits(KeyLimits(concurrent_streams=2))
    await second.goes_through()


async def test_a_storm_of_cancels_leaks_no_place_and_loses_none(counts: Bench) -> None:
    chance = random.Random(20261121)
    limits = KeyLimits(concurrent_streams=3, tokens_per_minute=10**9)
    gates = counts.processes(2, limits)
    most = 0

    async def turn(person: int) -> bool:
        nonlocal most
        gate, mine = chance.choice(gates), Claim(claim().turn_id, person, claim().team_id, 10)
        entering = gate.enter(mine)
        closes_after = chance.choice([None, None, 0, 1])
        async for _ in entering:
            if closes_after == 0:
                await entering.aclose()
                return False
            closes_after = None if closes_after is None else closes_after - 1
        try:
            most = max(most, sum(each.active() for each in gates))
            await asyncio.sleep(chance.random() * 0.01)
        finally:
            await gate.leave(mine, tokens=10)
        return True

    async def storm(number: int) -> bool | None:
        await asyncio.sleep(chance.random() * 0.5)
        task = asyncio.create_task(turn(number % 7))
        if chance.random() < 0.6:
            for _ in range(chance.randrange(12)):
                await asyncio.sleep(chance.choice([0, 0, 0.0005, 0.003]))
            task.cancel()
        await asyncio.wait({task})
        return None if task.cancelled() else task.result()

    async with asyncio.timeout(60):
        ends = await asyncio.gather(*(storm(number) for number in range(400)))
    assert ends.count(None) > 50
    assert ends.count(True) > 50
    assert most == 3
    for gate in gates:
        await until(lambda gate=gate: not gate._chores)
        assert (gate.active(), gate.waiting()) == (0, 0)
    # All three places are there again.
    for _ in range(3):
        assert await enters_at_once(gates[0], claim())
    assert not await enters_at_once(gates[0], claim())
