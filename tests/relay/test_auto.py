"""The `auto` policy: WebSocket first, SSE for a while where none can be opened, never both."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chat.relay.attempts import Attempt
from chat.relay.client import RelayClient
from chat.relay.demo import DemoRelay
from chat.relay.demo.handshakes import Handshake
from chat.relay.errors import RelayError
from chat.relay.settings import RelaySettings
from chat.relay.transports.auto import AutoTransport
from chat.relay.transports.sse import SSETransport
from chat.relay.transports.websocket import WebSocketTransport
from chat.relay.types import RelayEvent
from tests.relay.conftest import CANARY_KEY, REQUEST, finishes_of
from tests.relay.frames import LAST
from tests.relay.loopback import Act, Loopback, chunk, goodbye, respond, stream

PAUSE_SECONDS = 300.0
ANSWER = stream(chunk("b", "stop"), b"data: [DONE]\n\n")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Asker:
    """Makes attempts and remembers how each one went."""

    def __init__(self, settings: RelaySettings) -> None:
        self.clock = Clock()
        self.transport = AutoTransport(
            WebSocketTransport(settings), SSETransport(settings), settings, self.clock
        )
        self.attempts: list[Attempt] = []

    async def ask(self) -> list[RelayEvent]:
        attempt = Attempt(len(self.attempts) + 1, "relay", "", REQUEST)
        self.attempts.append(attempt)
        async with asyncio.timeout(5):
            return [event async for event in self.transport.stream(REQUEST, attempt)]

    async def failure(self) -> RelayError:
        with pytest.raises(RelayError) as caught:
            await self.ask()
        return caught.value

    @property
    def ways(self) -> list[str]:
        return [attempt.transport for attempt in self.attempts]


@asynccontextmanager
async def asking(settings: RelaySettings) -> AsyncIterator[Asker]:
    asker = Asker(settings)
    yield asker
    await asker.transport.aclose()


@asynccontextmanager
async def demo(handshake: Handshake = "on", **changes: Any) -> AsyncIterator[tuple[Any, Asker]]:
    async with DemoRelay(
        tokens_per_second=None, first_token_seconds=0.0, seed=1, websocket=handshake
    ) as relay:
        settings = RelaySettings(
            **{"name": "demo", "base_url": relay.base_url, "api_key": "hs_demo"} | changes
        )
        async with asking(settings) as asker:
            yield relay, asker


async def test_a_websocket_is_used_where_the_relay_has_it() -> None:
    async with demo() as (relay, asker):
        assert finishes_of(await asker.ask())
        assert asker.ways == ["websocket"]
        assert [request.via for request in relay.requests] == ["websocket"]


@pytest.mark.parametrize("handshake", ["off", "forbidden", "silent"])
async def test_without_one_the_same_attempt_goes_on_by_sse_and_generates_once(
    handshake: Handshake,
) -> None:
    async with demo(handshake, handshake_timeout_seconds=0.1) as (relay, asker):
        assert finishes_of(await asker.ask())
        assert (asker.ways, asker.attempts[0].status) == (["sse"], 200)
        assert [request.via for request in relay.requests] == ["sse"]


REFUSALS: list[list[Act]] = [
    *[respond(status) for status in (200, 302, 400, 403, 404, 405, 426, 500, 501, 502)],
    [b"SSH-2.0-OpenSSH\r\n", "close"],
    ["close"],
]


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_what_is_no_consent_leads_to_sse(
    refusal: list[Act], loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    loopback.scripts = [refusal, ANSWER]
    async with asking(settings_for()) as asker:
        assert finishes_of(await asker.ask()) == ["stop"]
        assert asker.ways == ["sse"]
    assert [request.method for request in loopback.received] == ["GET", "POST"]


@pytest.mark.parametrize("ws_url", ["ws://127.0.0.1:9/x", "ws://no-such-host.invalid/x"])
async def test_a_websocket_address_where_nobody_is_leads_to_sse(
    ws_url: str, loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    loopback.scripts = [ANSWER]
    async with asking(settings_for(ws_url=ws_url)) as asker:
        assert finishes_of(await asker.ask()) == ["stop"]
        assert asker.ways == ["sse"]


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (respond(401), "relay_auth"),
        (respond(429, "", Retry_After="2"), "relay_rate_limited"),
        (respond(503, "", Retry_After="2"), "relay_unavailable"),
        (respond(403, "WebSocket rejected: Server is at capacity"), "relay_unavailable"),
    ],
)
async def test_a_relay_that_turns_the_request_away_is_not_asked_again_by_sse(
    refusal: list[Act],
    code: str,
    loopback: Loopback,
    settings_for: Callable[..., RelaySettings],
) -> None:
    loopback.scripts = [refusal, ["upgrade", LAST, goodbye(), "close"]]
    async with asking(settings_for()) as asker:
        error = await asker.failure()
        assert (error.code, error.sent) == (code, False)
        assert finishes_of(await asker.ask()) == ["stop"]
        assert asker.ways == ["websocket", "websocket"]


@pytest.mark.parametrize("acts", [["close"], [goodbye(1013), "close"], ["reset"]])
async def test_nothing_falls_back_once_the_request_has_left(
    acts: list[Act], loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    loopback.scripts = [["upgrade", 0.02, *acts]]
    async with asking(settings_for()) as asker:
        assert (await asker.failure()).retryable
        assert asker.ways == ["websocket"]
        assert asker.attempts[0].sent
    assert len(loopback.received) == 1


async def test_the_refusal_is_remembered_for_the_pause_and_probed_again(
    loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    refused = respond(403)
    loopback.scripts = [
        refused, ANSWER, ANSWER, refused, ANSWER, ANSWER,
        ["upgrade", LAST, goodbye(), "close"],
    ]  # fmt: skip
    async with asking(settings_for()) as asker:
        for wait in (0, PAUSE_SECONDS - 1, 1, PAUSE_SECONDS - 1, 1, 0):
            asker.clock.now += wait
            await asker.ask()
        assert asker.ways == ["sse", "sse", "sse", "sse", "websocket", "websocket"]
    methods = [request.method for request in loopback.received]
    assert methods == ["GET", "POST", "POST", "GET", "POST", "POST", "GET", "GET"]


async def test_one_attempt_probes_while_the_others_go_on_by_sse() -> None:
    async with demo("forbidden") as (relay, asker):
        await asker.ask()
        asker.clock.now += PAUSE_SECONDS
        relay.shake_next("silent")
        probe = asyncio.create_task(asker.ask())
        await asyncio.sleep(0.05)
        await asyncio.gather(asker.ask(), asker.ask())
        assert asker.ways == ["sse", "websocket", "sse", "sse"]  # the probe still waits
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        assert not asker.attempts[1].sent
        relay.shake_next("on")  # a probe that was interrupted has proved nothing: another one may
        await asker.ask()
        assert asker.ways[-1] == "websocket"


@pytest.mark.parametrize(("status", "level"), [(400, "WARNING"), (403, "INFO"), (404, "INFO")])
async def test_the_log_tells_why_and_never_the_key(
    status: int,
    level: str,
    loopback: Loopback,
    settings_for: Callable[..., RelaySettings],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    loopback.scripts = [respond(status, {"error": f"bad {CANARY_KEY}"}), ANSWER]
    async with asking(settings_for()) as asker:
        await asker.ask()
    (said,) = [each for each in caplog.records if "No WebSocket to loopback" in each.message]
    assert (said.levelname, f"status {status}" in said.message) == (level, True)
    assert CANARY_KEY not in caplog.text


@pytest.mark.parametrize(
    ("policy", "via"), [("auto", "websocket"), ("websocket", "websocket"), ("sse", "sse")]
)
async def test_a_client_uses_what_its_settings_say(policy: Any, via: str) -> None:
    async with DemoRelay(tokens_per_second=None, first_token_seconds=0.0) as relay:
        settings = RelaySettings(
            name="demo", base_url=relay.base_url, api_key="hs_demo", transport=policy
        )
        client = RelayClient(settings)
        assert finishes_of([event async for event in client.attempt(REQUEST)])
        await client.aclose()
        assert [request.via for request in relay.requests] == [via]


async def test_a_key_without_websocket_is_refused_where_only_websocket_is_allowed() -> None:
    async with DemoRelay(websocket="forbidden") as relay:
        settings = RelaySettings(
            name="demo", base_url=relay.base_url, api_key="hs_demo", transport="websocket"
        )
        client = RelayClient(settings)
        with pytest.raises(RelayError) as caught:
            await client.attempt(REQUEST).__anext__()
        assert (caught.value.code, caught.value.status) == ("relay_auth", 403)
        assert relay.requests == ()
