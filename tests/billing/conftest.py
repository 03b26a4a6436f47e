"""People and teams with money."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from accounts.models import Team, User
from billing.budgets import grant_credit
from billing.guards import create_guards, drop_delete_guards
from billing.holds import HoldPlaced, place_hold
from billing.money import usd_to_nano
from billing.prices import NewPrice, set_price
from billing.settlement import Quality, Settled, settle

MODEL = "gpt-4.1"


@pytest.fixture(autouse=True)
def no_signup_credit(settings: Any) -> None:
    """Each test grants what it counts on."""
    settings.SIGNUP_CREDIT_USD = "0"


@pytest.fixture
def alice(db: None) -> User:
    """Owns the team."""
    return User.objects.create_user(username="alice")


@pytest.fixture
def bob(db: None) -> User:
    """A member of the team."""
    return User.objects.create_user(username="bob")


@pytest.fixture
def team(db: None) -> Team:
    """Alice's and Bob's team, without a cent."""
    return Team.objects.create(name="Tram")


@pytest.fixture
def charlies_team(db: None) -> Team:
    """Another team."""
    return Team.objects.create(name="Charlie's")


@pytest.fixture
def priced(db: None) -> str:
    """A model with the price of the worked example."""
    set_prices(MODEL, "8", "60")
    return MODEL


@pytest.fixture
def books(team: Team, charlies_team: Team, alice: User, priced: str) -> Iterator[Team]:
    """Two teams, a settled turn, an overrun, an open hold; with all guards."""
    create_guards(connection)
    give(team, "5")
    give(charlies_team, "1")
    for subject in ("turn:1", "turn:2", "turn:3"):
        hold_for(team, alice, subject)
    settle_as("turn:1", 500, 500)
    settle_as("turn:2", 1000, 5000)
    yield team
    drop_delete_guards(connection)


def set_prices(model: str, relay_usd: str, official_usd: str | None = None) -> None:
    """Price a model, input and output alike."""
    relay = usd_to_nano(relay_usd)
    official = usd_to_nano(official_usd) if official_usd else None
    set_price(model, NewPrice(relay, relay, None, official, official))


def give(team: Team, usd: str) -> None:
    """Grant a team credit."""
    grant_credit(team_id=team.pk, amount_nano_usd=usd_to_nano(usd))


def hold_for(
    team: Team,
    person: User,
    subject: str = "",
    *,
    model: str = MODEL,
    prompt_bytes: int = 1000,
    max_tokens: int = 1000,
    conversation_id: UUID | None = None,
    api_key_id: int | None = None,
) -> HoldPlaced:
    """Place a hold of 1,000 bytes and 1,000 tokens unless told otherwise."""
    return place_hold(
        team_id=team.pk,
        person_id=person.pk,
        subject=subject or f"turn:{uuid4()}",
        model=model,
        prompt_bytes=prompt_bytes,
        max_tokens=max_tokens,
        conversation_id=conversation_id,
        api_key_id=api_key_id,
    )


def settle_as(subject: str, tokens_in: int, tokens_out: int, **facts: Any) -> Settled:
    """Settle as completed and reported unless told otherwise."""
    defaults: dict[str, Any] = {
        "cached_tokens": None,
        "reasoning_tokens": None,
        "quality": Quality.REPORTED,
        "outcome": "completed",
    }
    return settle(
        subject=subject,
        prompt_tokens=tokens_in,
        completion_tokens=tokens_out,
        **(defaults | facts),
    )
