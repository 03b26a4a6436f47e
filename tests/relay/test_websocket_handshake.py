"""Opening a WebSocket: where to, and what a refusal becomes."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from chat.relay.address_guard import AddressRefused
from chat.relay.settings import RelaySettings
from chat.relay.transports.handshake import websocket_url
from chat.relay.transports.websocket import WebSocketTransport
from chat.relay.types import RelayEvent
from tests.relay.conftest import CANARY_KEY, finishes_of
from tests.relay.frames import LAST, Make, collect, failure_of
from tests.relay.loopback import Act, Loopback, goodbye, respond


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"base_url": "http://127.0.0.1:5/v1"}, "ws://127.0.0.1:5/v1/chat/completions"),
        ({"base_url": "https://relay.example/v1/"}, "wss://relay.example/v1/chat/completions"),
        ({"base_url": "https://a", "ws_url": "wss://b/c"}, "wss://b/c"),
    ],
)
def test_the_address_is_as_given_or_derived(given: dict[str, Any], expected: str) -> None:
    assert websocket_url(RelaySettings(name="x", **given)) == expected


HANDSHAKES: list[tuple[list[Act], str, bool, float | None]] = [
    (respond(401, {"error": {"message": f"Invalid API key provided: {CANARY_KEY}"}}),
     "relay_auth", False, None),
    (respond(403, f"no {CANARY_KEY}"), "relay_auth", False, None),
    (respond(404), "relay_protocol", False, None),
    (respond(200, "<html>", Content_Type="text/html"), "relay_protocol", False, None),
    (respond(302, "", Location=f"http://127.0.0.1:9/{CANARY_KEY}"),
     "relay_protocol", False, None),
    (respond(429, {"error": {"message": "Rate limit exceeded"}}, Retry_After="7"),
     "relay_rate_limited", True, 7),
    (respond(503, "", Retry_After="3"), "relay_unavailable", True, 3),
    (respond(403, "WebSocket rejected: Server is at capacity", Retry_After="2"),
     "relay_unavailable", True, 2),
    (respond(500, f"boom {CANARY_KEY}"), "relay_unavailable", True, None),
    (respond(400, {"error": f"bad {CANARY_KEY}"}), "relay_error", False, None),
    ([b"not http at all\r\n\r\n", "close"], "relay_protocol", False, None),
    ([b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      b"Sec-WebSocket-Accept: wrong\r\n\r\n", "hang"], "relay_protocol", False, None),
    ([b"HTTP/1.1 101 X\r\nRetry-After: 1\r\nRetry-After: 2\r\n\r\n", "hang"],
     "relay_protocol", False, None),
    (["close"], "relay_unavailable", True, None),
    (["reset"], "relay_unavailable", True, None),
    (["hang"], "relay_timeout", True, None),
    ([b"HTTP/1.1 403 X\r\nContent-Length: 9\r\n\r\n", "hang"], "relay_timeout", True, None),
]  # fmt: skip


@pytest.mark.parametrize(("acts", "code", "retryable", "wait"), HANDSHAKES)
async def test_a_refused_handshake_sends_nothing_and_never_tells_the_key(
    acts: list[Act],
    code: str,
    retryable: bool,
    wait: float | None,
    loopback: Loopback,
    websocket: Make,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    loopback.scripts = [acts]
    patience_seconds = 0.2 if code == "relay_timeout" else 10.0
    error, events = await failure_of(websocket(handshake_timeout_seconds=patience_seconds))
    assert (error.code, error.retryable, error.retry_after_seconds) == (code, retryable, wait)
    assert (error.sent, events, loopback.received[0].body) == (False, [], b"")
    shown = "".join(traceback.format_exception(error)) + repr(error) + caplog.text
    assert CANARY_KEY not in shown


async def test_a_relay_that_is_not_there_was_sent_nothing() -> None:
    settings = RelaySettings(name="x", base_url="http://127.0.0.1:9/v1")
    error, _ = await failure_of(WebSocketTransport(settings))
    assert (error.code, error.sent, error.retryable) == ("relay_unavailable", False, True)


async def test_a_private_address_is_refused_where_addresses_are_judged(
    loopback: Loopback, websocket: Make
) -> None:
    loopback.scripts = [["upgrade", LAST, goodbye(), "close"]]
    error, _ = await failure_of(websocket(networks=()))
    assert (isinstance(error, AddressRefused), loopback.connections) == (True, 0)
    events: list[RelayEvent] = []
    await collect(websocket(networks=("127.0.0.0/8",)), events)
    assert finishes_of(events) == ["stop"]


async def test_a_name_that_turns_private_is_refused_and_a_vetted_one_connected_to(
    loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    loopback.scripts = [["upgrade", LAST, goodbye(), "close"]]
    port = loopback.address.rpartition(":")[2].removesuffix("/v1")
    found = ["10.1.2.3"]

    async def lookup(_host: str, _port: int) -> list[str]:
        return found

    settings = settings_for(base_url=f"http://relay.example:{port}/v1", networks=("127.0.0.0/8",))
    transport = WebSocketTransport(settings, lookup)
    error, _ = await failure_of(transport)
    assert (isinstance(error, AddressRefused), loopback.connections) == (True, 0)
    found[:] = ["127.0.0.1"]
    await collect(transport, [])
    assert loopback.received[0].headers["host"] == f"relay.example:{port}"
