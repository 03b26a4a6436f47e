"""Going on with a broken answer: what is asked, within what was held, and what is told."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from chat.relay.attempts import Attempt, AttemptStarted
from chat.relay.errors import RelayAuth, RelayRateLimited, RelayStreamBroken, RelayUnavailable
from chat.relay.types import FallbackNotice, ResumeNotice, RetryNotice, WaitingNotice
from chat.services.intents import PromptMessage
from chat.services.prompts import CONTINUE_INSTRUCTION, build_prompt
from chat.turns.allowance import Allowance
from chat.turns.endings import done_event
from chat.turns.requests import LEAST_RESUMED_TOKENS, claim_of, first_request, resumed_request
from tests.turns.doubles import admitted, ended, live_turn, until, whole_answer
from tests.turns.test_runner import Run

WORD = " tram"


def texts(request_messages: object) -> list[tuple[str, str]]:
    return [(each.role, each.content) for each in request_messages]  # type: ignore[attr-defined]


def test_the_rest_is_asked_for_as_a_person_would_by_continue() -> None:
    turn = admitted()
    request = resumed_request(turn, Allowance(turn), "It was ", "It was ")
    assert request is not None
    assert texts(request.messages) == [
        ("user", "Hello"),
        ("assistant", "It was "),
        ("user", CONTINUE_INSTRUCTION),
    ]
    by_hand = build_prompt(
        above=[PromptMessage("user", "Hello")], content=None, prefix="It was ", system=None
    )
    assert texts(request.messages) == texts(by_hand)


def test_a_continued_answer_that_breaks_goes_on_from_all_of_it() -> None:
    prompt = build_prompt(
        above=[PromptMessage("user", "Hello")], content=None, prefix="It was ", system=None
    )
    turn = admitted(prompt=prompt, prefix="It was ")
    request = resumed_request(turn, Allowance(turn), "a dark ", "a dark ")
    assert request is not None
    assert texts(request.messages)[1:] == [
        ("assistant", "It was a dark "),
        ("user", CONTINUE_INSTRUCTION),
    ]


def test_the_rest_may_have_what_the_whole_had_left() -> None:
    turn = admitted(max_tokens=100, hold_nano_usd=10**9)
    request = resumed_request(turn, Allowance(turn), WORD * 40, WORD * 40)
    assert request is not None
    assert request.max_tokens == 60
    assert first_request(turn).max_tokens == 100


def test_nothing_is_asked_for_that_the_hold_does_not_pay() -> None:
    # The hold pays for 150 tokens in all; the first prompt is 5, the second about 65.
    turn = admitted(max_tokens=1000, hold_nano_usd=150 * 8000)
    request = resumed_request(turn, Allowance(turn), WORD * 40, WORD * 40)
    assert request is None or request.max_tokens < 60
    turn = admitted(max_tokens=1000, hold_nano_usd=300 * 8000)
    allowance = Allowance(turn)
    request = resumed_request(turn, allowance, WORD * 40, WORD * 40)
    assert request is not None
    prompt_tokens = 300 - 40 - request.max_tokens
    assert 2 * 5 + 40 <= prompt_tokens <= 100
    assert allowance.tokens_left(WORD * 40) == request.max_tokens


def test_an_answer_at_its_end_is_not_gone_on_with() -> None:
    turn = admitted(max_tokens=100, hold_nano_usd=10**9)
    text = WORD * (101 - LEAST_RESUMED_TOKENS)
    assert resumed_request(turn, Allowance(turn), text, text) is None


def test_a_claim_is_the_persons() -> None:
    turn = admitted(requester_id=42)
    claim = claim_of(turn)
    assert (claim.turn_id, claim.person_id, claim.team_id) == (turn.turn_id, 42, turn.team_id)
    assert 0 < claim.tokens < 100
    # Her programs wait in a line of their own.
    assert claim_of(replace(turn, is_completion=True)).person_id != 42


async def test_each_try_has_its_own_text_and_the_answer_has_all() -> None:
    run = Run()
    await run.relay.opened.wait()
    assert run.relay.request is not None
    second = Attempt(2, "double", "", run.relay.request, resumed=True)
    run.relay.feed(
        "one ",
        ResumeNotice(RelayStreamBroken()),
        AttemptStarted(second),
        *whole_answer("two"),
    )
    end = await run.end()
    assert (end.state, end.content) == ("completed", "one two")
    first, last = end.attempts
    assert (first.generated, first.outcome, first.billed, first.usage) == (
        "one ", "failed", True, None,
    )  # fmt: skip
    assert (last.generated, last.outcome, last.resumed) == ("two", "completed", True)
    assert last.usage is not None
    assert any('"resumed"' in frame.text for frame in run.live.frames)


async def test_the_runner_goes_on_with_what_it_has_heard() -> None:
    run = Run()
    run.relay.feed("one ")
    await until(lambda: run.live.content == "one ")
    assert run.relay.go_on is not None
    request = run.relay.go_on("one ")
    assert request is not None
    assert texts(request.messages)[1] == ("assistant", "one ")
    run.relay.feed(*whole_answer("two"))
    await run.end()


async def test_a_resumed_answer_is_stopped_at_what_is_left_of_the_hold() -> None:
    # For two prompts and some 250 tokens, by a relay that keeps to no limit.
    run = Run(live_turn(max_tokens=2000, hold_nano_usd=400 * 8000))
    await run.relay.opened.wait()
    run.relay.feed(WORD * 100)
    await until(lambda: run.live.content)
    assert run.relay.go_on is not None
    request = run.relay.go_on(run.live.content)
    assert request is not None
    run.relay.feed(ResumeNotice(RelayStreamBroken()), AttemptStarted(Attempt(2, "d", "", request)))
    for _ in range(1000):
        run.relay.feed(WORD)
        await asyncio.sleep(0)
        if run.task.done():
            break
    end = await run.end()
    assert end.state == "budget_stopped"
    came = sum(each.generated.count("tram") for each in end.attempts)
    assert request.max_tokens <= came - 100 <= request.max_tokens + 40


async def test_a_try_that_failed_silently_before_another_is_not_billed() -> None:
    run = Run()
    await run.relay.opened.wait()
    assert run.relay.request is not None
    second = Attempt(2, "other", "", run.relay.request)
    run.relay.feed(
        RetryNotice(1, 1.0, RelayUnavailable()), AttemptStarted(second), *whole_answer("x")
    )
    end = await run.end()
    assert [(each.relay, each.billed) for each in end.attempts] == [
        ("double", False),
        ("other", True),
    ]


async def test_stop_in_line_or_while_connecting_costs_nothing() -> None:
    run = Run()
    run.relay.sent = False
    await run.relay.opened.wait()
    run.runner.stop()
    end = await run.end()
    assert (end.state, [each.billed for each in end.attempts]) == ("interrupted", [False])


async def test_every_notice_has_a_sentence_without_the_relays_words() -> None:
    run = Run()
    run.relay.feed(
        WaitingNotice(position=3),
        WaitingNotice(delay_seconds=7.2),
        FallbackNotice("secret-relay", RelayAuth("hs_secret")),
        RetryNotice(1, 2.0, RelayRateLimited("org-secret")),
        *whole_answer("x"),
    )
    await run.end()
    said = [frame.text for frame in run.live.frames if '"notice"' in frame.text]
    assert "Waiting in line: place 3." in said[0]
    assert '"position":3' in said[0]
    assert "in 8 s." in said[1]
    assert '"fallback"' in said[2]
    assert "Trying another relay." in said[2]
    assert not any("secret" in text for text in said)


async def test_who_stands_in_line_is_not_told_of_a_silent_relay() -> None:
    run = Run(silence_seconds=0.01)
    run.relay.feed(WaitingNotice(position=1))
    await until(lambda: any('"position":1' in frame.text for frame in run.live.frames))
    await asyncio.sleep(0.05)
    assert not any("silent" in frame.text for frame in run.live.frames)
    run.relay.feed(*whole_answer("x"))
    await run.end()


async def test_the_wait_before_another_try_is_no_silence_and_each_try_may_be_silent() -> None:
    run = Run(silence_seconds=0.05)

    def silences() -> int:
        return sum("silent" in frame.text for frame in run.live.frames)

    await until(lambda: silences() == 1)
    run.relay.feed(RetryNotice(1, 5.0, RelayUnavailable()))
    await asyncio.sleep(0.15)
    assert silences() == 1
    assert "Trying again in 5 s." in run.live.frames[-1].text
    assert run.relay.request is not None
    run.relay.feed(AttemptStarted(Attempt(2, "double", "", run.relay.request)))
    await until(lambda: silences() == 2)
    run.relay.feed(*whole_answer("x"))
    assert (await run.end()).state == "completed"


async def test_an_error_says_when_to_try_again_where_the_relay_does() -> None:
    run = Run(live_turn())
    run.relay.feed(RelayRateLimited(retry_after_seconds=3600))
    end = await run.end()
    assert end.error_message == "The relay is busy and asks to wait. Try again in 60 min."
    error = done_event(ended(end), end.retry_after_seconds).error
    assert error is not None
    assert error.retry_at is not None
    assert 3590 < (error.retry_at - datetime.now(UTC)).total_seconds() <= 3600


async def test_a_relay_that_asks_for_ever_is_told_of_too() -> None:
    run = Run()
    run.relay.feed(RelayUnavailable(retry_after_seconds=float("inf")))
    end = await run.end()
    assert end.error_message.endswith("min.")
    assert done_event(ended(end), end.retry_after_seconds).error is not None
