"""What the tests of conversations share."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from accounts.models import Team, User
from accounts.policy import Principal
from accounts.services.principals import principal_for_user
from chat.services.announcements import Announcement, subscribe
from tests.billing.conftest import set_prices
from tests.chat.admitting import MODEL
from tests.people import Cast, cast


@pytest.fixture
def people(db: None) -> Cast:
    return cast()


@pytest.fixture
def alice(people: Cast) -> Principal:
    return principal(people.alice, people.team)


@pytest.fixture
def bob(people: Cast) -> Principal:
    return principal(people.bob, people.team)


@pytest.fixture
def dana(people: Cast) -> Principal:
    return principal(people.dana, people.team)


@pytest.fixture
def charlie(people: Cast) -> Principal:
    return principal(people.charlie, people.other_team)


def principal(user: User, team: Team) -> Principal:
    return principal_for_user(user, team.pk)


@pytest.fixture
def announced() -> Iterator[list[Announcement]]:
    """Everything announced, in order."""
    heard: list[Announcement] = []
    unsubscribe = subscribe(heard.append)
    yield heard
    unsubscribe()


@pytest.fixture
def without_relay(settings: Any) -> None:
    """An installation whose relay refuses every connection."""
    settings.RELAY = replace(
        settings.RELAY,
        api_key="",
        embedded=("none=http://127.0.0.1:1/v1",),
        max_retries=0,
    )


@pytest.fixture
def priced(db: None) -> None:
    """Give the model a price, without which nobody may ask it."""
    set_prices(MODEL, "8")
