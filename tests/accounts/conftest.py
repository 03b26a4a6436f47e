"""What the tests of accounts share."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from accounts.signals import RightsChange, rights_changed
from tests.people import Cast, cast


@pytest.fixture
def people(db: None) -> Cast:
    return cast()


@pytest.fixture
def changes() -> Iterator[list[RightsChange]]:
    """Every announced change of rights, in order."""
    heard: list[RightsChange] = []

    def hear(change: RightsChange, **_rest: object) -> None:
        heard.append(change)

    rights_changed.connect(hear)
    yield heard
    rights_changed.disconnect(hear)


@pytest.fixture(autouse=True)
def _no_old_limits() -> None:
    cache.clear()
