"""Relays for the tests of this folder: quick ones, with any free port."""

from collections.abc import AsyncIterator

import pytest

from chat.relay.demo import DemoRelay


@pytest.fixture
async def relay() -> AsyncIterator[DemoRelay]:
    """A relay that answers as fast as the test reads."""
    async with DemoRelay(tokens_per_second=None, first_token_seconds=0.0, seed=1) as running:
        yield running


@pytest.fixture
async def slow_relay() -> AsyncIterator[DemoRelay]:
    """A relay that would take minutes over an answer."""
    async with DemoRelay(tokens_per_second=2.0, first_token_seconds=0.0, seed=1) as running:
        yield running
