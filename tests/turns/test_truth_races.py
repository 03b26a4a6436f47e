"""Many ends of turns that are weighed at once, on either database: none is lost, each alert is
raised once."""

from typing import Any

import pytest

from accounts.policy import Principal
from billing.models import Quality
from chat.models import AlertKind, Attempt, RelayAlert, RouteTruth
from chat.relay.truth import TruthState
from chat.services import truth
from tests.billing.test_races import all_at_once
from tests.chat.admitting import MODEL, send
from tests.chat.conftest import alice, people
from tests.chat.test_admission import priced

__all__ = ["alice", "people", "priced"]
pytestmark = pytest.mark.django_db(transaction=True)

TEXTS = truth.Texts("ascii", "ascii")


def test_answers_weighed_at_once_are_all_weighed(alice: Principal, priced: Any) -> None:
    turn = send(alice).turn_id
    Attempt.objects.create(
        turn_id=turn,
        number=1,
        relay="station",
        model=MODEL,
        outcome="completed",
        sent=True,
        finish_reason="stop",
        echoed_model="another-model",
        prompt_tokens=1300,
        completion_tokens=650,
        counted_prompt_tokens=1000,
        counted_completion_tokens=500,
        quality=Quality.REPORTED,
    )
    all_at_once(lambda _: truth.weigh_turn(turn, TEXTS), 24)
    state: TruthState = truth._decode(RouteTruth.objects.get().state)
    assert (state.answers, state.other_echoes) == (24, 24)
    kinds = [alert.kind for alert in RelayAlert.objects.order_by("kind")]
    assert kinds == [AlertKind.MODEL_SWAPPED, AlertKind.USAGE_DRIFT]
    assert RelayAlert.objects.get(kind=AlertKind.MODEL_SWAPPED).times == 23
