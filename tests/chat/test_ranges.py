"""What is told before a turn holds: short plays of `tests.benchmarks.ranges`, and its counts."""

from typing import Any

import pytest

from accounts.policy import Principal
from billing.tokens import is_exact
from chat.queries.prompt_counts import PromptCount, prompt_count
from chat.relay.demo.counting import Counting
from chat.relay.demo.offering import MODELS_BY_ID
from chat.services.attempts import ReportedUsage, count_prompt
from tests.benchmarks.ranges import RELAY, play, shares
from tests.billing.conftest import give
from tests.chat.admitting import MODEL, attempt_of, finish, send
from tests.people import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def tokenizer() -> None:
    """Load it before a transaction waits for it: PostgreSQL ends idle ones."""
    assert is_exact(MODEL)


@pytest.fixture(autouse=True)
def credit(settings: Any, people: Cast, priced: None) -> None:
    settings.SIGNUP_CREDIT_USD = "0"
    give(people.team, "50")


def reported(who: Principal, *times: float, words: int = 50, relay: str = RELAY) -> int:
    """Turns whose prompts the relay reports as so many times what we count, which it returns."""
    counted = 0
    for factor in times:
        turn = send(who, content="tram " * words)
        counted = count_prompt(turn.prompt, MODEL)
        usage = ReportedUsage(round(counted * factor), 5)
        finish(turn, attempts=(attempt_of(turn, relay=relay, usage=usage),))
    return counted


def test_prompts_are_counted_as_an_honest_relay_reports_them(alice: Principal) -> None:
    judged = play(alice, MODELS_BY_ID[MODEL], 40, Counting(by_model=True), seed=1)
    assert [row.told_tokens for row in judged] == [row.came_tokens for row in judged]
    assert all(row.exact for row in judged)
    assert sum(row.holds for row in judged) >= 0.75 * len(judged)
    assert "prompt counted exact" in shares(judged)[-1]


def test_one_who_counts_in_another_way_is_told_by_what_it_reported(alice: Principal) -> None:
    counted = reported(alice, *[1.25] * 19)
    assert prompt_count(RELAY, MODEL, counted) == PromptCount(counted, counted, counted, True)
    reported(alice, 1.25, 0.5, 3)
    said = prompt_count(RELAY, MODEL, 100)
    assert (said.tokens, said.exact) == (125, False)
    assert (said.low_tokens, said.high_tokens) == (50, 300)
    assert prompt_count("another", MODEL, 100) == PromptCount(100, 100, 100, True)
    assert prompt_count("", MODEL, 100).exact


def test_one_who_counts_as_we_do_is_exact_and_short_prompts_say_nothing_of_long_ones(
    alice: Principal,
) -> None:
    reported(alice, *[2.0] * 3, words=1)
    reported(alice, *[1.0] * 60)
    assert prompt_count(RELAY, MODEL, 60) == PromptCount(60, 60, 60, True)
    assert prompt_count(RELAY, "claude-sonnet-4.5", 60) == PromptCount(60, 60, 60, False)
