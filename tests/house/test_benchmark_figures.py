"""The benchmark's arithmetic: a figure that is wrong is worse than none."""

import pytest

from tests.benchmarks.figures import (
    Token,
    Window,
    added_to_first_token_ns,
    spread,
    stretch,
    tokens_in,
)

MS = 1_000_000


def test_percentiles_are_taken_from_the_sorted_times() -> None:
    found = spread(reversed([n * MS for n in range(1, 102)]))
    assert (found.p50_ms, found.p99_ms, found.count) == (51, 100, 101)


def test_nothing_measured_is_an_error_and_not_zero() -> None:
    with pytest.raises(ValueError, match="nothing"):
        spread([])


def test_a_token_counts_when_it_first_came_though_a_snapshot_repeats_it() -> None:
    frames = [(10, b'"#0:1 #1:2 "'), (20, b'"#0:1 #1:2 #2:3 "')]
    assert tokens_in(frames) == [Token(0, 1, 10), Token(1, 2, 10), Token(2, 3, 20)]


def test_a_token_that_never_came_is_an_error() -> None:
    with pytest.raises(ValueError, match="token 1 never came"):
        tokens_in([(10, b'"#0:1 #2:3 "')])


def test_the_relays_own_time_is_not_added_to_the_first_token() -> None:
    # Asked at 100, read by the relay at 130, written at 150, at the client at 170.
    assert added_to_first_token_ns(100, [(170, b'"@130 #0:150 "')]) == 50


def test_a_window_counts_latency_by_sending_and_cpu_by_receiving() -> None:
    tokens = [Token(n, n * 10 * MS, n * 10 * MS + 3 * MS) for n in range(100)]
    found = stretch([tokens], Window(100 * MS, 200 * MS, 0.05, 0.01))
    assert found.added.count == 10
    assert found.added.p50_ms == 3
    assert found.tokens_received == 10
    assert found.server_cpu_share == 0.5
    assert found.cpu_seconds_per_million == 5000
