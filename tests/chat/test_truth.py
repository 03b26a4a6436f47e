"""The truth meter over stored attempts: who is told, of what, and what is let be."""

from typing import Any

import pytest

from accounts.policy import Principal
from billing.models import Quality
from chat.models import AlertKind, Attempt, ModelAlias, RelayAlert, RouteTruth
from chat.services.truth import Texts, learn_anew, weigh_turn
from tests.billing.conftest import set_prices
from tests.chat.admitting import MODEL, send

TEXTS = Texts("ascii", "ascii")


@pytest.fixture
def turn(alice: Principal) -> Any:
    set_prices(MODEL, "8")
    return send(alice).turn_id


def attempt(turn: Any, **fields: Any) -> None:
    """The one attempt of the turn, weighed."""
    Attempt.objects.filter(turn_id=turn).delete()
    Attempt.objects.create(
        **{
            "turn_id": turn,
            "number": 1,
            "relay": "station",
            "model": MODEL,
            "outcome": "completed",
            "sent": True,
            "finish_reason": "stop",
            "echoed_model": MODEL,
            "prompt_tokens": 1003,
            "completion_tokens": 500,
            "counted_prompt_tokens": 1000,
            "counted_completion_tokens": 500,
            "quality": Quality.REPORTED,
            "cost_nano_usd": 12_000_000,
        }
        | fields
    )
    weigh_turn(turn, TEXTS)


def alerts() -> list[tuple[str, str, str]]:
    return [(alert.kind, alert.relay, alert.model) for alert in RelayAlert.objects.order_by("kind")]


def test_an_honest_relay_raises_nothing_and_a_fifth_more_is_told_within_20(turn: Any) -> None:
    for _ in range(40):
        attempt(turn)
    assert alerts() == []
    for _ in range(20):
        attempt(turn, completion_tokens=600)
    assert alerts() == [(AlertKind.USAGE_DRIFT, "station", MODEL)]
    detail = RelayAlert.objects.get().detail
    assert "answer tokens: 1.20 times the expected ones" in detail
    assert "USD\xa00.002 of what the last 30 days cost" in detail


def test_another_model_in_the_echo_is_told_at_the_second_answer(turn: Any) -> None:
    attempt(turn, echoed_model="gpt-4.1-mini")
    assert alerts() == []
    attempt(turn, echoed_model="gpt-4.1-mini")
    assert alerts() == [(AlertKind.MODEL_SWAPPED, "station", MODEL)]
    assert "gpt-4.1-mini" in RelayAlert.objects.get().detail


def test_spellings_aliases_and_silence_are_no_other_model(turn: Any) -> None:
    ModelAlias.objects.create(alias=MODEL, model="house-model")
    for echo in ("openai/GPT-4.1-2025-04-14", "", "house-model") * 3:
        attempt(turn, echoed_model=echo)
    assert alerts() == []


@pytest.mark.parametrize(
    "odd",
    [
        {"outcome": "interrupted"},
        {"outcome": "failed"},
        {"quality": Quality.ESTIMATED},
        {"anomaly": "usage_shrank"},
        {"finish_reason": "tool_calls"},
        {"counted_completion_tokens": None},
    ],
)
def test_what_cannot_be_weighed_is_not(turn: Any, odd: dict[str, Any]) -> None:
    for _ in range(20):
        attempt(turn, completion_tokens=5000, **odd)
    assert alerts() == []


def test_a_relay_with_pieces_of_its_own_is_learned(turn: Any) -> None:
    for _ in range(60):
        Attempt.objects.filter(turn_id=turn).delete()
        Attempt.objects.create(
            turn_id=turn,
            number=1,
            relay="demo",
            model=MODEL,
            outcome="completed",
            sent=True,
            quality=Quality.REPORTED,
            prompt_tokens=1200,
            completion_tokens=600,
            counted_prompt_tokens=1000,
            counted_completion_tokens=500,
        )
        weigh_turn(turn, TEXTS, scripted=frozenset({"demo"}))
    assert alerts() == []


def test_learning_anew_takes_the_present_as_what_is_expected(turn: Any) -> None:
    for _ in range(3):
        attempt(turn, echoed_model="house-model")
    assert alerts() == [(AlertKind.MODEL_SWAPPED, "station", MODEL)]
    RelayAlert.objects.all().delete()
    learn_anew("station", MODEL)
    for _ in range(20):
        attempt(turn, echoed_model="house-model", completion_tokens=600)
    assert alerts() == []
    assert RouteTruth.objects.count() == 1
