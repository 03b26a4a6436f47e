"""The replay of `tests.benchmarks.replay`, short: everything ties out, and what is planted is
found."""

import re
from typing import Any, NoReturn

import pytest

from tests.benchmarks.replay.running import run
from tests.benchmarks.replay.tying import tie_out


@pytest.mark.parametrize(
    ("turns", "plants"), [(150, 1), pytest.param(1000, 5, marks=pytest.mark.slow)]
)
def test_some_weeks_of_turns_tie_out_and_reconcile(
    db: None, settings: Any, turns: int, plants: int
) -> None:
    settings.STATEMENT_ZONES = ("Asia/Shanghai",)
    report = run(turns, seed=4, plants=plants)
    assert report.wrong == []
    said = "\n".join(report.lines)
    for cause in ("lost_row", "unbilled", "double_attempt", "price_drift", "cache_drift"):
        assert said.count(f"'{cause}': {plants}") >= 2, cause
    for what in ("refused", "held, with a shorter answer", "overrun"):
        assert re.search(rf" [1-9]\d* {what}", said), what


class Enough(Exception):
    """What was tampered with is told, and nothing more is asked."""


def test_a_figure_that_is_off_by_one_is_told(
    db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from billing.models import Budget, Settlement
    from tests.benchmarks.replay import running

    settings.STATEMENT_ZONES = ()
    told: list[str] = []

    def tampered(player: Any, books: Any) -> NoReturn:
        row = Settlement.objects.order_by("id")[0]
        Settlement.objects.filter(pk=row.pk).update(cost_nano_usd=row.cost_nano_usd + 1)
        Budget.objects.filter(limit=None).update(held_nano_usd=1)
        told.extend(tie_out(player, books))
        raise Enough

    monkeypatch.setattr(running, "tie_out", tampered)
    with pytest.raises(Enough):
        run(30, seed=4, plants=1)
    for what in ("settled and corrected", "credit of team 0", "usage by day", "statement of team"):
        assert any(what in each for each in told), what
