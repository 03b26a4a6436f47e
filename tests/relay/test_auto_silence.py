"""The `auto` policy and a WebSocket that opens and brings nothing, as behind a proxy that agrees to
it and lets nothing through: one answer pays for that, and those that follow go by SSE."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from chat.relay.attempts import AttemptStarted
from chat.relay.breaker import Breaker
from chat.relay.client import RelayClient
from chat.relay.gates import OpenGate
from chat.relay.routes import Route
from chat.relay.routing import Router
from chat.relay.settings import RelaySettings
from chat.relay.transports.auto import LONGEST_PAUSE_FACTOR, SILENCE_SECONDS
from chat.relay.types import RetryNotice
from tests.relay.conftest import REQUEST, finishes_of
from tests.relay.frames import DELTA, LAST
from tests.relay.loopback import Act, Loopback, frame, goodbye
from tests.relay.reading import CLAIM
from tests.relay.test_auto import ANSWER, PAUSE_SECONDS, Asker, asking

GOOD: list[Act] = ["upgrade", LAST, goodbye(), "close"]
NOTHING: list[list[Act]] = [
    ["upgrade", "hang"],
    ["upgrade", frame("ping"), frame(b"", 9), "hang"],
    ["upgrade", "close"],
    ["upgrade", 0.02, "reset"],
    ["upgrade", goodbye(), "close"],
    ["upgrade", goodbye(1011), "close"],
    ["upgrade", b"\xff\xff\xff\xff", "hang"],
]
Settings = Callable[..., RelaySettings]


@pytest.mark.parametrize("nothing", NOTHING)
async def test_after_a_websocket_that_brought_nothing_sse_is_used(
    nothing: list[Act], loopback: Loopback, settings_for: Settings
) -> None:
    loopback.scripts = [nothing, ANSWER, ANSWER, GOOD]
    async with asking(
        settings_for(first_byte_timeout_seconds=0.1, idle_timeout_seconds=0.1)
    ) as asker:
        error = await asker.failure()
        assert error.sent  # so it was not asked again within the attempt
        assert finishes_of(await asker.ask())
        asker.clock.now += PAUSE_SECONDS - 1
        await asker.ask()
        asker.clock.now += 1
        await asker.ask()
        assert asker.ways == ["websocket", "sse", "sse", "websocket"]


@pytest.mark.parametrize(
    "reason",
    [
        goodbye(1013),
        goodbye(4429, "slow down"),
        goodbye(1008, "Invalid API key"),
        frame('{"error": {"message": "boom", "type": "server_error"}}'),
        frame('{"error": {"message": "slow down", "code": 429}}'),
        frame('{"error": {"message": "no"}}'),
    ],
)
async def test_a_relay_that_says_why_keeps_its_websocket(
    reason: bytes, loopback: Loopback, settings_for: Settings
) -> None:
    loopback.scripts = [["upgrade", reason, "close"], GOOD]
    async with asking(settings_for()) as asker:
        await asker.failure()
        await asker.ask()
        assert asker.ways == ["websocket", "websocket"]


async def test_a_websocket_that_breaks_in_mid_answer_is_used_again(
    loopback: Loopback, settings_for: Settings
) -> None:
    loopback.scripts = [["upgrade", DELTA, 0.02, "reset"], GOOD]
    async with asking(settings_for()) as asker:
        assert (await asker.failure()).code == "relay_stream_broken"
        await asker.ask()
        assert asker.ways == ["websocket", "websocket"]


async def leave_in_silence(asker: Asker, loopback: Loopback, after_seconds: float) -> None:
    """Ask, and stop waiting after so long by the asker's clock."""
    playing = loopback.playing
    asking_ = asyncio.create_task(asker.ask())
    await loopback.until(lambda: loopback.playing > playing)
    asker.clock.now += after_seconds
    asking_.cancel()
    await asyncio.gather(asking_, return_exceptions=True)


async def test_people_who_stop_in_a_silence_teach_it_too(
    loopback: Loopback, settings_for: Settings
) -> None:
    loopback.scripts = [["upgrade", "hang"], ["upgrade", "hang"], ANSWER]
    async with asking(settings_for()) as asker:
        await leave_in_silence(asker, loopback, SILENCE_SECONDS - 1)
        await leave_in_silence(asker, loopback, SILENCE_SECONDS)
        await asker.ask()
        assert asker.ways == ["websocket", "websocket", "sse"]


async def test_who_stops_a_long_thought_on_a_websocket_that_works_teaches_nothing_but_two_do(
    loopback: Loopback, settings_for: Settings
) -> None:
    hang: list[Act] = ["upgrade", "hang"]
    loopback.scripts = [GOOD, hang, GOOD, hang, hang, ANSWER]
    async with asking(settings_for()) as asker:
        for _ in range(2):
            await asker.ask()
            await leave_in_silence(asker, loopback, 10 * SILENCE_SECONDS)
        await leave_in_silence(asker, loopback, SILENCE_SECONDS)
        await asker.ask()
        assert asker.ways == [*["websocket"] * 5, "sse"]


async def test_a_handshake_that_is_never_answered_is_waited_for_ever_more_rarely(
    loopback: Loopback, settings_for: Settings
) -> None:
    loopback.scripts = [["hang"], ANSWER, ANSWER, ["hang"], ANSWER, ANSWER, ANSWER]
    async with asking(settings_for(handshake_timeout_seconds=0.1)) as asker:
        for wait in (0, PAUSE_SECONDS - 1, 1, 2 * PAUSE_SECONDS - 1, 0):
            asker.clock.now += wait
            await asker.ask()
        assert asker.ways == ["sse"] * 5
    methods = [request.method for request in loopback.received]
    assert methods == ["GET", "POST", "POST", "GET", "POST", "POST", "POST"]


async def test_a_probe_has_succeeded_when_something_came_and_others_wait_for_none_of_it(
    loopback: Loopback, settings_for: Settings
) -> None:
    hang: list[Act] = ["upgrade", "hang"]
    loopback.scripts = [hang, ANSWER, hang, ANSWER, ANSWER]
    async with asking(settings_for(first_byte_timeout_seconds=0.2)) as asker:
        await asker.failure()
        await asker.ask()
        asker.clock.now += PAUSE_SECONDS
        probe = asyncio.create_task(asker.failure())
        await loopback.until(lambda: loopback.playing == 3)
        await asyncio.gather(asker.ask(), asker.ask())
        assert (await probe).code == "relay_timeout"
        assert asker.ways == ["websocket", "sse", "websocket", "sse", "sse"]


async def test_silences_in_a_row_make_probes_rarer_until_one_succeeds(
    loopback: Loopback, settings_for: Settings
) -> None:
    close: list[Act] = ["upgrade", "close"]
    factors = [1, 2, 4, 8, LONGEST_PAUSE_FACTOR, LONGEST_PAUSE_FACTOR]
    loopback.scripts = [
        *[script for _ in factors for script in (close, ANSWER)], GOOD, close, ANSWER, GOOD,
    ]  # fmt: skip
    async with asking(settings_for()) as asker:
        for factor in factors:
            await asker.failure()
            asker.clock.now += factor * PAUSE_SECONDS - 1
            await asker.ask()
            asker.clock.now += 1
        await asker.ask()
        await asker.failure()
        await asker.ask()
        asker.clock.now += PAUSE_SECONDS
        await asker.ask()
        assert asker.ways == [
            *["websocket", "sse"] * 6,
            "websocket",
            "websocket",
            "sse",
            "websocket",
        ]


async def test_the_retry_of_the_same_message_is_answered_by_sse(
    loopback: Loopback, settings_for: Settings
) -> None:
    loopback.scripts = [["upgrade", "hang"], ANSWER]
    client = RelayClient(
        settings_for(transport="auto", first_byte_timeout_seconds=0.1, retry_delay_ms=1)
    )
    route = Route(client, REQUEST.model, OpenGate(), Breaker())
    events = [event async for event in Router().answer(REQUEST, [route], CLAIM)]
    await client.aclose()
    tried = [event.attempt for event in events if isinstance(event, AttemptStarted)]
    assert [attempt.transport for attempt in tried] == ["websocket", "sse"]
    assert [attempt.outcome for attempt in tried] == ["failed", "completed"]
    assert sum(isinstance(event, RetryNotice) for event in events) == 1
