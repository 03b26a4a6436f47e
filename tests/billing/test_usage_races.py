"""Totals of usage are right however many fold, rebuild and read them at once."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from accounts.models import Team, User
from billing import usage_folding
from billing.models import Settlement, UsageTotal
from billing.snapshot import snapshot
from billing.usage import Slice, Usage
from billing.usage_folding import fold_once, rebuild, usage_differences
from tests.billing.conftest import give, hold_for, settle_as
from tests.billing.test_races import all_at_once

pytestmark = pytest.mark.django_db(transaction=True)
TURNS = 12


def test_many_who_fold_at_once_count_each_turn_once(
    team: Team, alice: User, priced: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_folding, "FOLD_AT_ONCE", 3)
    give(team, "1")
    for number in range(TURNS):
        hold_for(team, alice, f"turn:{UUID(int=number)}")
        settle_as(f"turn:{UUID(int=number)}", 10, 10)
    Settlement.objects.update(created_at=datetime(2025, 10, 31, tzinfo=UTC))
    seen = []

    def act(number: int) -> None:
        rebuild("UTC") if number % 10 == 0 else fold_once("UTC")
        with snapshot():
            seen.append(Usage("UTC").total(Slice()).turns)

    all_at_once(act, 40)
    while fold_once("UTC"):
        pass
    assert seen == [TURNS] * 40
    assert sum(UsageTotal.objects.values_list("turns", flat=True)) == TURNS
    assert list(usage_differences()) == []
