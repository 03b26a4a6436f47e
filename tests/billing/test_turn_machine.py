"""Whatever happens to turns and their money, in any order, the books are right after each step;
and a machine that says so finds the bugs that are put in on purpose.

EXAMPLES=2000 tells so many stories instead of a few; the bugs are looked for by `make slow`.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from billing import budgets, costs, reconciliation_correcting, settlement
from billing.budgets import give_back
from billing.limits import limits_above
from billing.prices import terms_for
from chat.services import recovery
from chat.services.ending import end_turn
from tests.billing.turn_machine_money import Money

EXAMPLES = int(os.environ.get("EXAMPLES", "2"))
STEPS = 15

pytestmark = pytest.mark.django_db


def tell(examples: int, *phases: Phase, seeded: bool = False) -> None:
    """So many stories; `seeded` ones are the same each time."""
    run_state_machine_as_test(
        Money,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize=seeded,
            phases=phases,
            report_multiple_bugs=False,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_books_are_right_after_each_step_of_any_story() -> None:
    # Shrinking a story takes longer than reading it.
    tell(EXAMPLES, Phase.generate)


def settled_twice(ids: Any, held: int, cost: int) -> None:
    """The budgets are changed once more."""
    give_back(ids, held, cost)
    give_back(ids, held, cost)


def release_lost(ids: Any, held: int, cost: int) -> None:
    """What the turn did not cost stays held."""
    give_back(ids, cost, cost)


def rounded_down(numerator: int, denominator: int) -> int:
    """In the team's favour."""
    return numerator // denominator


def correction_skipped(*_: Any, **__: Any) -> None:
    """The finding says corrected, and no transfer is."""


def free_when_orphaned(end: Any) -> Any:
    """Whoever's process dies pays nothing."""
    return end_turn(replace(end, attempts=tuple(replace(a, billed=False) for a in end.attempts)))


def conversations_forgotten(team_id: Any, person_id: int, _conversation_id: Any) -> Any:
    """Limits of conversations bind nobody."""
    return limits_above(team_id, person_id, None)


def priced_at_the_end(used: Any, hold: Any, quality: str) -> Any:
    """The price of now, not the one that the hold pinned."""
    at_most = hold if quality == "estimated" else None
    terms = terms_for(hold.model, hold.team_id)
    return costs.costs(used, terms.price, terms.markup_basis_points, at_most=at_most)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "name", "bug"),
    [
        (settlement, "give_back", settled_twice),
        (settlement, "give_back", release_lost),
        (costs, "ceil_div", rounded_down),
        (reconciliation_correcting, "_posted", correction_skipped),
        (recovery, "end_turn", free_when_orphaned),
        (budgets, "limits_above", conversations_forgotten),
        (settlement, "costs_of", priced_at_the_end),
    ],
    ids=lambda each: each.__name__ if callable(each) else None,
)
def test_a_bug_that_is_put_in_is_found(
    where: Any, name: str, bug: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, name, bug)
    with pytest.raises(Exception) as found:  # noqa: PT011
        tell(200, Phase.generate, seeded=True)
    ours = [entry.name for entry in found.traceback if "turn_" in str(entry.path)]
    print(f"{bug.__name__}: {found.typename} in {ours[-1]}")
