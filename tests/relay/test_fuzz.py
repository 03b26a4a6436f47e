"""10,000 random cuts of random bytes, and random faults on real sockets. `make fuzz` does more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.relay import properties
from tests.relay.fault_scripts import Case, Ground, cases, ground
from tests.relay.wires import frame_wires, many_texts, sse_wires

CUTS_EACH = 5000
seeds = st.integers(0, 2**32)
often = settings(max_examples=CUTS_EACH // properties.SPLITS, deadline=None)


@pytest.fixture(scope="module")
def own_loop() -> Iterator[asyncio.AbstractEventLoop]:
    with asyncio.Runner() as runner:
        yield runner.get_loop()


@pytest.fixture(scope="module")
def own_ground(
    own_loop: asyncio.AbstractEventLoop,
) -> Iterator[tuple[asyncio.AbstractEventLoop, Ground]]:
    playing = ground()
    yield own_loop, own_loop.run_until_complete(playing.__aenter__())
    own_loop.run_until_complete(playing.__aexit__(None, None, None))


@often
@given(wire=sse_wires, seed=seeds)
def test_any_cut_of_an_event_stream_gives_the_same_events(wire: bytes, seed: int) -> None:
    properties.events_do_not_depend_on_where_bytes_are_cut(wire, seed)


@often
@given(wire=frame_wires, seed=seeds)
def test_any_cut_of_websocket_frames_gives_the_same_events(
    own_loop: asyncio.AbstractEventLoop, wire: bytes, seed: int
) -> None:
    properties.events_do_not_depend_on_where_frames_are_cut(own_loop, wire, seed)


@settings(deadline=None)
@given(texts=many_texts, seed=seeds)
def test_text_survives_any_fragments_of_websocket_messages(
    own_loop: asyncio.AbstractEventLoop, texts: list[str], seed: int
) -> None:
    properties.text_survives_fragments(own_loop, texts, seed)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases)
def test_no_fault_and_no_departure_leaves_an_error_unhandled_or_anything_open(
    own_ground: tuple[asyncio.AbstractEventLoop, Ground], case: Case
) -> None:
    loop, played_on = own_ground
    loop.run_until_complete(played_on.play(case))
