"""Limits on spending refuse messages, and say which one it is and when it starts afresh."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.policy import Principal
from billing.models import Budget, Hold, Period
from chat.models import Turn
from chat.services.errors import BudgetTooSmall
from tests.billing.conftest import set_prices
from tests.billing.limiting import limited
from tests.chat.admitting import MODEL, finish, send
from tests.people import Cast


@pytest.fixture(autouse=True)
def priced(db: None) -> None:
    set_prices(MODEL, "8")


def test_a_conversation_is_held_in_from_its_first_message_on(
    alice: Principal, people: Cast
) -> None:
    first = send(alice)
    assert Hold.objects.get().conversation_id == first.conversation_id
    finish(first)
    limited("0", people.team, conversation_id=first.conversation_id)
    with pytest.raises(BudgetTooSmall, match="The limit of this conversation has nothing left"):
        send(alice, conversation_id=first.conversation_id)
    assert send(alice).created


def test_a_refusal_says_which_limit_it_is_and_when_it_starts_afresh(
    alice: Principal, people: Cast
) -> None:
    limited("0.001", people.team, people.alice, period=Period.MONTH)
    with pytest.raises(BudgetTooSmall) as refusal:
        send(alice, content="x" * 1000)
    first = (datetime.now(UTC).date().replace(day=1) + timedelta(days=31)).replace(day=1)
    said = "Your limit in Team of Alice for this month has USD 0.001 left, this message needs up to"
    assert refusal.value.message.startswith(said)
    assert refusal.value.message.endswith(
        f"It starts afresh on {first.day} {first:%B}. Nothing was sent or charged."
    )
    detail = refusal.value.detail
    assert detail is not None
    assert (detail["scope"], detail["period"]) == ("person", "month")
    assert (detail["remaining_nano_usd"], detail["starts_afresh"]) == (1_000_000, str(first))
    assert not Turn.objects.exists()
    # What was opened for it went with it.
    assert not Budget.objects.exclude(limit=None).exists()


def test_a_refusal_for_want_of_credit_starts_never_afresh(alice: Principal, people: Cast) -> None:
    Budget.objects.filter(team=people.team).update(granted_nano_usd=0)
    with pytest.raises(BudgetTooSmall, match="The credit of Team of Alice has nothing left") as no:
        send(alice)
    assert no.value.detail is not None
    assert (no.value.detail["scope"], no.value.detail["starts_afresh"]) == ("credit", None)
