"""Whatever goes wrong in two hundred small worlds, every invariant holds; and bugs are found."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.simulation.bugs import BUGS
from tests.simulation.run import run

SEEDS_AT_A_TIME = 20
MOST_SEEDS_FOR_A_BUG = 100


@pytest.mark.parametrize("first", range(0, 200, SEEDS_AT_A_TIME))
def test_every_invariant_holds_whatever_goes_wrong(first: int) -> None:
    for seed in range(first, first + SEEDS_AT_A_TIME):
        verdict = run(seed)
        assert not verdict.complaints, f"seed {seed}: {verdict.complaints}\n{verdict.trace}"


def test_a_seed_is_one_run() -> None:
    for seed in (3, 14, 15):
        first, second = run(seed), run(seed)
        assert first.trace == second.trace
        assert first.digest == second.digest
    assert run(92).digest != first.digest


@pytest.mark.parametrize(("bug", "faults"), BUGS, ids=[bug.__name__ for bug, _ in BUGS])
def test_a_bug_is_found(bug: Callable[[], Any], faults: Sequence[str]) -> None:
    for seed in range(MOST_SEEDS_FOR_A_BUG):
        if run(seed, bug, faults).complaints:
            return
    pytest.fail(f"{bug.__name__}: not found in {MOST_SEEDS_FOR_A_BUG} runs")
