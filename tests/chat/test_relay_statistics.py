"""How relays did: counts, rates, percentiles and errors of a period, the same on both databases."""

from typing import Any

import pytest

from accounts.policy import Principal
from chat.queries.relay_statistics import Percentiles, oldest_of, relay_statistics
from tests.billing.conftest import set_prices
from tests.chat.admitting import MODEL, send
from tests.chat.relay_attempts import days_ago, stored


@pytest.fixture
def turn(alice: Principal) -> Any:
    set_prices(MODEL, "8")
    return send(alice).turn_id


def test_without_attempts_there_is_no_relay(db: None) -> None:
    assert relay_statistics(days_ago(30)) == ()


def test_success_counts_what_ended_by_itself(turn: Any) -> None:
    for outcome in ("completed", "completed", "completed", "failed", "interrupted"):
        stored(turn, outcome=outcome)
    figures = relay_statistics(days_ago(1))[0].figures
    assert (figures.attempts, figures.succeeded, figures.failed, figures.interrupted) == (
        5,
        3,
        1,
        1,
    )
    assert figures.success_percent == 75.0
    assert figures.mean_total_ms == 1100
    assert figures.tokens_per_second == 50.0


def test_percentiles_are_by_nearest_rank_over_what_was_completed(turn: Any) -> None:
    for milliseconds in range(1, 201):
        stored(turn, ttft_ms=milliseconds, total_ms=10 * milliseconds)
    stored(turn, outcome="failed", ttft_ms=90_000, total_ms=90_000)
    stored(turn, ttft_ms=None, total_ms=None)
    found = relay_statistics(days_ago(1))[0]
    assert found.ttft == Percentiles(100, 190, 198)
    assert found.total == Percentiles(1000, 1900, 1980)


def test_one_attempt_is_all_percentiles_and_none_is_none(turn: Any) -> None:
    stored(turn, relay="a", ttft_ms=7, total_ms=9)
    stored(turn, relay="b", outcome="failed")
    first, second = relay_statistics(days_ago(1))
    assert (first.ttft, first.total) == (Percentiles(7, 7, 7), Percentiles(9, 9, 9))
    assert second.ttft == Percentiles()
    assert second.figures.mean_total_ms is second.figures.tokens_per_second is None


def test_the_truth_compares_only_what_was_counted_and_reported(turn: Any) -> None:
    stored(turn, prompt_tokens=120, completion_tokens=60, cached_tokens=30)
    stored(turn, quality="estimated", completion_tokens=999)
    stored(turn, counted_completion_tokens=None, completion_tokens=999)
    figures = relay_statistics(days_ago(1))[0].figures
    assert (figures.prompt_ratio, figures.completion_ratio) == (1.2, 1.2)
    assert figures.cached_percent == 100 * 30 / 320


def test_a_relay_that_names_itself_anew_each_time_hides_no_attempt(
    turn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.queries.relay_statistics.MAX_ROUTES", 3)
    monkeypatch.setattr("chat.queries.relay_statistics.MAX_ECHOES", 2)
    for number in range(6):
        stored(turn, relay="hostile", echoed_model=f"invented-{number}")
    for _ in range(2):
        stored(turn, relay="hostile", echoed_model="usual")
    stored(turn, relay="honest", echoed_model="gpt-4.1-mini")
    honest, hostile = relay_statistics(days_ago(1))
    assert (honest.figures.attempts, hostile.figures.attempts) == (1, 8)
    assert honest.routes[0].echoed == ("gpt-4.1-mini",)
    assert len(hostile.routes[0].echoed) == 2
    assert "usual" in hostile.routes[0].echoed


def test_speed_is_that_of_the_text_and_not_of_the_report(turn: Any) -> None:
    stored(turn, completion_tokens=5000)
    stored(turn, ttft_ms=None)
    figures = relay_statistics(days_ago(1))[0].figures
    assert figures.tokens_per_second == 50.0
    assert figures.completion_tokens == 5050


def test_routes_tell_as_what_the_relay_answered(turn: Any) -> None:
    for echo in ("gpt-4.1-2025-04-14", "gpt-4.1-mini", ""):
        stored(turn, echoed_model=echo)
    stored(turn, model="gpt-4o")
    routes = relay_statistics(days_ago(1))[0].routes
    assert [(route.model, route.figures.attempts) for route in routes] == [
        ("gpt-4.1", 3),
        ("gpt-4o", 1),
    ]
    assert routes[0].echoed == ("gpt-4.1-2025-04-14", "gpt-4.1-mini")


def test_a_period_with_too_many_attempts_begins_later(
    turn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [days_ago(days) for days in (3, 2, 1)]
    for time in times:
        stored(turn, at=time)
    assert oldest_of(since := days_ago(30)) == since
    monkeypatch.setattr("chat.queries.relay_statistics.MAX_ATTEMPTS", 2)
    assert abs(oldest_of(days_ago(30)) - times[1]).total_seconds() < 60
    assert relay_statistics(oldest_of(days_ago(30)))[0].figures.attempts == 2


def test_the_period_bounds_everything_and_the_newest_error_is_told(turn: Any) -> None:
    stored(turn, at=days_ago(10))
    stored(turn, at=days_ago(9), outcome="failed", error_code="relay_auth", status=401)
    stored(turn, at=days_ago(3), outcome="failed", error_code="relay_unavailable", status=500)
    stored(turn, at=days_ago(2), outcome="failed", error_code="relay_timeout")
    week, month = relay_statistics(days_ago(7))[0], relay_statistics(days_ago(30))[0]
    assert (week.figures.attempts, month.figures.attempts) == (2, 4)
    assert week.last_error is not None
    assert (week.last_error.code, week.last_error.status) == ("relay_timeout", None)
