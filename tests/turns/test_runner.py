"""A runner ends its turn exactly once, with all text, whatever the relay or a person does."""

import asyncio
import random

import pytest

from chat.relay.errors import RelayAuth, RelayRateLimited, RelayStreamBroken, RelayUnavailable
from chat.relay.types import Delta, Finish, RetryNotice
from chat.services.attempts import AttemptEnd, ReportedUsage
from chat.services.ending import TurnEnd
from chat.turns.broadcast import Frame
from chat.turns.live import LiveTurn
from chat.turns.runner import TurnRunner
from tests.turns.doubles import StepRelay, journal, live_turn, until, usage, whole_answer


class Run:
    """A runner at work, with its relay and journal."""

    def __init__(
        self,
        live: LiveTurn | None = None,
        silence_seconds: float = 10,
    ) -> None:
        self.live = live or live_turn()
        self.relay = StepRelay()
        self.journal = journal()
        self.runner = TurnRunner(
            self.live, self.relay, self.journal, silence_seconds=silence_seconds
        )
        self.task = asyncio.create_task(self.runner.run())

    async def end(self) -> TurnEnd:
        async with asyncio.timeout(10):
            end = await self.task
        await self.journal.aclose()
        assert self.relay.closings <= 1
        return end


def only(end: TurnEnd) -> AttemptEnd:
    (attempt,) = end.attempts
    return attempt


async def test_a_whole_answer_completes_with_the_reported_usage() -> None:
    run = Run()
    run.relay.feed(*whole_answer("Hel", "lo"))
    end = await run.end()
    assert (end.state, end.content, end.finish_reason) == ("completed", "Hello", "stop")
    assert only(end).usage == ReportedUsage(7, 2)
    assert run.live.content == "Hello"


async def test_max_tokens_and_the_prompt_go_upstream() -> None:
    run = Run()
    run.relay.feed(*whole_answer("x"))
    await run.end()
    assert run.relay.request is not None
    assert run.relay.request.max_tokens == 1000
    assert [message.content for message in run.relay.request.messages] == ["Hello"]


async def test_stop_before_the_first_word_closes_the_relay_and_counts_the_prompt() -> None:
    run = Run()
    await run.relay.opened.wait()
    run.runner.stop(by_id=42)
    end = await run.end()
    assert run.relay.closed.is_set()
    assert (end.state, end.content, only(end).billed) == ("interrupted", "", True)
    assert end.interrupted_by_id == 42


async def test_stop_in_the_middle_keeps_what_came() -> None:
    run = Run()
    run.relay.feed("one ", "two")
    await until(lambda: run.live.content == "one two")
    run.runner.stop()
    end = await run.end()
    assert (end.state, end.content, only(end).generated) == ("interrupted", "one two", "one two")


async def test_usage_from_the_middle_is_not_the_bill_of_a_stopped_answer() -> None:
    run = Run()
    run.relay.feed("one", usage(7, 1), " two")
    await until(lambda: run.live.content == "one two")
    run.runner.stop()
    assert only(await run.end()).usage is None


async def test_a_stop_after_the_end_changes_nothing() -> None:
    run = Run()
    run.relay.feed("Hello", Finish("stop"), usage(7, 1))
    await until(lambda: run.runner._outcome.finish_reason)
    run.runner.stop()
    end = await run.end()
    assert (end.state, only(end).usage) == ("completed", ReportedUsage(7, 1))


@pytest.mark.parametrize("seed", range(50))
async def test_a_stop_that_races_the_end_leaves_one_consistent_outcome(seed: int) -> None:
    rng = random.Random(seed)
    run = Run()
    events = list(whole_answer("a", "b", "c"))
    stop_at = rng.randrange(len(events) + 1)
    for number, event in enumerate(events):
        if number == stop_at:
            run.runner.stop()
        run.relay.feed(event)
        for _ in range(rng.randrange(4)):
            await asyncio.sleep(0)
    end = await run.end()
    assert end.state in ("completed", "interrupted")
    assert (end.state == "completed") == bool(end.finish_reason)
    assert end.content == run.live.content
    assert "abc".startswith(end.content)


async def test_a_broken_stream_fails_with_its_text_kept() -> None:
    run = Run()
    run.relay.feed("one", RelayStreamBroken("reset by peer"))
    end = await run.end()
    assert (end.state, end.error_code, end.content) == ("failed", "relay_stream_broken", "one")
    assert only(end).billed
    assert "reset" not in end.error_message
    assert end.error_detail == "reset by peer"


@pytest.mark.parametrize("error", [RelayAuth(), RelayRateLimited(), RelayUnavailable()])
async def test_a_refusal_before_any_text_costs_nothing(error: Exception) -> None:
    run = Run()
    run.relay.feed(error)  # type: ignore[arg-type]
    end = await run.end()
    assert (end.state, only(end).billed, only(end).generated) == ("failed", False, "")


async def test_a_fault_of_ours_still_ends_the_turn() -> None:
    run = Run()
    run.relay.feed("one")
    await until(lambda: run.live.content == "one")
    run.relay.feed(Delta(content=3))  # type: ignore[arg-type]
    end = await run.end()
    assert (end.state, end.content) == ("failed", "one")


async def test_a_relay_that_ignores_max_tokens_is_stopped_at_the_hold() -> None:
    run = Run(live_turn(max_tokens=300, hold_nano_usd=300 * 8000 + 20 * 8000))
    for _ in range(1000):
        run.relay.feed(" tram")
        await asyncio.sleep(0)
        if run.task.done():
            break
    end = await run.end()
    assert end.state == "budget_stopped"
    assert 300 <= only(end).generated.count("tram") <= 400


async def test_an_absurd_usage_is_not_believed() -> None:
    run = Run()
    run.relay.feed("one", Finish("stop"), usage(10**12, 1), None)
    end = await run.end()
    assert (only(end).usage, end.anomaly) == (None, "usage_absurd")


async def test_a_retry_is_noticed() -> None:
    run = Run()
    run.relay.feed(RetryNotice(1, 2.0, RelayRateLimited()), *whole_answer("x"))
    await run.end()
    assert '"retrying"' in run.live.frames[0].text


async def test_a_continued_answer_begins_with_its_prefix_but_does_not_pay_for_it() -> None:
    run = Run(live_turn(prefix="It was "))
    run.relay.feed(*whole_answer("a dark night"))
    end = await run.end()
    assert (end.content, only(end).generated) == ("It was a dark night", "a dark night")


async def test_a_character_that_postgresql_cannot_store_is_replaced() -> None:
    run = Run()
    run.relay.feed("a\0b", Delta(reasoning="c\0d"), Finish("st\0p"), None)
    end = await run.end()
    assert (end.content, end.reasoning, end.finish_reason) == ("a\ufffdb", "c\ufffdd", "st\ufffdp")
    assert run.live.content == end.content


async def test_the_relays_own_words_are_not_told_while_it_is_tried_again() -> None:
    run = Run()
    run.relay.feed(RetryNotice(1, 2.0, RelayRateLimited("org-secret is over")), *whole_answer("x"))
    await run.end()
    assert not any("org-secret" in frame.text for frame in run.live.frames)
    assert "Trying again in 2 s." in run.live.frames[0].text


async def test_an_error_after_the_end_changes_nothing() -> None:
    run = Run()
    run.relay.feed("Hello", usage(7, 1), Finish("stop"), RelayStreamBroken())
    end = await run.end()
    assert (end.state, only(end).usage, end.error_code) == ("completed", ReportedUsage(7, 1), "")


async def test_a_silent_relay_is_told_once_for_each_silence() -> None:
    run = Run(silence_seconds=0.02)

    def waits() -> list[Frame]:
        return [frame for frame in run.live.frames if '"waiting"' in frame.text]

    await until(lambda: len(waits()) == 1)
    await asyncio.sleep(0.06)
    assert len(waits()) == 1
    run.relay.feed("Hello")
    await until(lambda: len(waits()) == 2)
    run.relay.feed(*whole_answer("x"))
    assert (await run.end()).state == "completed"


async def test_a_silence_is_told_when_it_has_lasted_so_long_however_late_it_began() -> None:
    run = Run(silence_seconds=0.4)
    await asyncio.sleep(0.02)
    run.relay.feed("Hello")
    await until(lambda: run.live.content == "Hello")
    began = asyncio.get_running_loop().time()
    await until(lambda: any('"waiting"' in frame.text for frame in run.live.frames))
    assert 0.39 < asyncio.get_running_loop().time() - began < 0.65
    run.relay.feed(*whole_answer("x"))
    assert (await run.end()).state == "completed"
