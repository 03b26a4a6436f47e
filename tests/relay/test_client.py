"""The client of one relay: tries, catalogue, account, key."""

from __future__ import annotations

import asyncio
import logging
import random
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from chat.relay import errors
from chat.relay.client import RelayClient
from chat.relay.settings import RelaySettings
from chat.relay.transports.scripted import Hang, Lose, Refuse, ScriptedTransport, answer, say
from chat.relay.types import Delta, RelayEvent, RelayMessage, RetryNotice
from tests.relay.conftest import CANARY_KEY, REQUEST, text_of
from tests.relay.loopback import DONE, Loopback, chunk, respond, stream

SETTINGS = RelaySettings(name="double", base_url="http://127.0.0.1:9/v1", api_key=CANARY_KEY)
UNAVAILABLE = Refuse(errors.RelayUnavailable(status=503))


class Sleeper:
    """Stands for asyncio.sleep and keeps what was asked of it."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)


def client_of(
    transport: ScriptedTransport, sleeper: Sleeper, settings: RelaySettings = SETTINGS
) -> RelayClient:
    return RelayClient(settings, transport, transport, sleep=sleeper, rng=random.Random(1))


async def collect(client: RelayClient, into: list[RelayEvent] | None = None) -> list[RelayEvent]:
    events: list[RelayEvent] = [] if into is None else into
    async with asyncio.timeout(10):
        async for event in client.stream(REQUEST):
            events.append(event)
    return events


async def failure_of(client: RelayClient) -> tuple[errors.RelayError, list[RelayEvent]]:
    events: list[RelayEvent] = []
    with pytest.raises(errors.RelayError) as caught:
        await collect(client, events)
    return caught.value, events


async def test_a_failure_before_the_first_delta_is_tried_again() -> None:
    transport, sleeper = ScriptedTransport([UNAVAILABLE], answer("ok")), Sleeper()
    events = await collect(client_of(transport, sleeper))
    assert isinstance(events[0], RetryNotice)
    assert (events[0].attempt, events[0].error.code) == (1, "relay_unavailable")
    assert events[0].delay_seconds == sleeper.waits[0]
    assert (text_of(events), len(transport.requests)) == ("ok", 2)


async def test_a_failure_after_the_first_delta_is_not_tried_again() -> None:
    transport = ScriptedTransport([say("half"), Lose()], answer("again"))
    error, events = await failure_of(client_of(transport, Sleeper()))
    assert (error.code, events, len(transport.requests)) == (
        "relay_stream_broken", [Delta("half")], 1,
    )  # fmt: skip


async def test_three_tries_are_all_and_their_delays_double() -> None:
    transport, sleeper = ScriptedTransport([UNAVAILABLE]), Sleeper()
    error, events = await failure_of(client_of(transport, sleeper))
    assert (error.code, len(transport.requests), len(events)) == ("relay_unavailable", 3, 2)
    assert 0.75 <= sleeper.waits[0] <= 1.25
    assert 1.5 <= sleeper.waits[1] <= 2.5


async def test_the_wait_that_the_relay_asks_for_is_kept() -> None:
    busy = Refuse(errors.RelayRateLimited(retry_after_seconds=2))
    sleeper = Sleeper()
    events = await collect(client_of(ScriptedTransport([busy], answer("ok")), sleeper))
    assert 2 <= sleeper.waits[0] <= 2.25
    assert text_of(events) == "ok"


async def test_a_wait_beyond_the_budget_is_told_at_once() -> None:
    busy = Refuse(errors.RelayRateLimited(retry_after_seconds=3600))
    transport, sleeper = ScriptedTransport([busy]), Sleeper()
    error, _ = await failure_of(client_of(transport, sleeper))
    assert (error.code, error.retry_after_seconds) == ("relay_rate_limited", 3600)
    assert (sleeper.waits, len(transport.requests)) == ([], 1)


@pytest.mark.parametrize("error", [errors.RelayAuth(), errors.ModelUnknown()])
async def test_what_no_waiting_mends_is_not_tried_again(error: errors.RelayError) -> None:
    transport = ScriptedTransport([Refuse(error)])
    found, _ = await failure_of(client_of(transport, Sleeper()))
    assert (found.code, len(transport.requests)) == (error.code, 1)


async def test_an_error_speaks_for_all_attempts_about_what_was_sent() -> None:
    maybe_billed = Refuse(errors.RelayUnavailable(status=500))
    never_reached = Refuse(errors.RelayUnavailable(sent=False))
    error, _ = await failure_of(
        client_of(ScriptedTransport([maybe_billed], [never_reached]), Sleeper())
    )
    assert error.sent
    error, _ = await failure_of(
        client_of(ScriptedTransport([Refuse(errors.RelayUnavailable(sent=False))]), Sleeper())
    )
    assert not error.sent


async def test_the_whole_turn_has_a_limit() -> None:
    settings = RelaySettings(name="x", base_url="http://x", turn_timeout_seconds=0.1)
    transport = ScriptedTransport([say("a"), Hang()])
    error, events = await failure_of(client_of(transport, Sleeper(), settings))
    assert (error.code, text_of(events), transport.open_streams) == ("relay_timeout", "a", 0)


async def test_an_unknown_model_is_told_with_near_matches() -> None:
    unknown = Refuse(errors.ModelUnknown("no", model="gpt-4.2", status=404))
    transport = ScriptedTransport([unknown], documents={"models": {"data": [{"id": "gpt-4.1"}]}})
    client = client_of(transport, Sleeper())
    await client.models()
    error, _ = await failure_of(client)
    assert isinstance(error, errors.ModelUnknown)
    assert (error.near_matches, error.status) == (("gpt-4.1",), 404)


async def test_usage_and_key_check() -> None:
    documents = {
        "usage": {"total_usage": 5, "total_granted": 100, "plan": "team"},
        "models": {"data": [{"id": "a"}, {"id": "b", "name": "Bee"}]},
    }
    client = client_of(ScriptedTransport(documents=documents), Sleeper())
    account = await client.usage()
    assert (account.total_usage, account.total_granted) == (5, 100)
    assert account.other == {"plan": "team"}
    report = await client.check_key()
    assert (report.models, report.warning) == (2, None)


@pytest.mark.parametrize("key", ["", "  ", "YOUR_HOLYSHEEP_API_KEY", "hs_ab\ncd", "hs_é"])
async def test_a_key_that_cannot_work_is_refused(key: str) -> None:
    settings = RelaySettings(name="x", base_url="http://x", api_key=key)
    transport = ScriptedTransport(documents={"models": {"data": []}})
    with pytest.raises(errors.RelayAuth):
        await client_of(transport, Sleeper(), settings).check_key()


async def test_an_unknown_prefix_is_only_a_warning() -> None:
    settings = RelaySettings(name="x", base_url="http://x", api_key="zz-canary")
    transport = ScriptedTransport(documents={"models": {"data": []}})
    report = await client_of(transport, Sleeper(), settings).check_key()
    assert report.warning is not None
    assert "canary" not in report.warning


async def test_the_request_is_what_the_relay_expects(
    loopback: Loopback, settings_for: Callable[..., RelaySettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    loopback.scripts = [stream(chunk("a", "stop"), DONE)]
    client = RelayClient(settings_for())
    await collect(client)
    await collect(client)
    await client.aclose()
    request = loopback.received[0]
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.headers["authorization"] == f"Bearer {CANARY_KEY}"
    assert request.json == {
        "model": "gpt-4.1",
        "messages": [{"role": "user", "content": "Hello?"}],
        "max_tokens": 256,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert loopback.connections == 1  # the second answer came over the kept connection


async def test_a_lone_surrogate_in_a_prompt_can_be_sent(
    loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    loopback.scripts = [stream(chunk("a", "stop"), DONE)]
    client = RelayClient(settings_for())
    request = type(REQUEST)("m", (RelayMessage("user", "x\ud800y"),), 5, extra={"stream": False})
    async for _ in client.stream(request):
        pass
    await client.aclose()
    assert loopback.received[0].json["messages"][0]["content"] == "x?y"
    assert loopback.received[0].json["stream"] is True


REFUSALS: list[tuple[list[Any], str, bool]] = [
    (respond(401, {"error": {"message": f"Invalid API key provided: {CANARY_KEY}"}}),
     "relay_auth", False),
    (respond(403), "relay_auth", False),
    (respond(404, {"error": {"message": "Model 'gpt-4' not found"}}), "model_unknown", False),
    (respond(400, {"error": {"message": "Unsupported model: claude-3-opus"}}),
     "model_unknown", False),
    (respond(400, {"error": {"message": f"bad max_tokens {CANARY_KEY}"}}), "relay_error", False),
    (respond(404, "<html>"), "relay_protocol", False),
    (respond(302, "", Location="http://127.0.0.1:9/"), "relay_protocol", False),
    (respond(500, f"boom {CANARY_KEY}"), "relay_unavailable", True),
    (respond(200, "<html>", Content_Type="text/html"), "relay_protocol", True),
    (respond(200, {"error": {"message": f"no {CANARY_KEY}"}}, Content_Type="application/json"),
     "relay_error", True),
    (stream(b'data: {"error": {"message": "key ' + CANARY_KEY.encode() + b'"}}\n\n'),
     "relay_error", True),
    ([b"not http at all\r\n\r\n", "close"], "relay_unavailable", True),
    (["close"], "relay_unavailable", True),
]  # fmt: skip


@pytest.mark.parametrize(("acts", "code", "sent"), REFUSALS)
async def test_refusals_have_their_code_and_never_the_key(
    acts: list[Any],
    code: str,
    sent: bool,
    loopback: Loopback,
    settings_for: Callable[..., RelaySettings],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    loopback.scripts = [acts]
    client = RelayClient(settings_for(max_retries=1))
    error, _ = await failure_of(client)
    await client.aclose()
    assert (error.code, error.sent) == (code, sent)
    shown = "".join(traceback.format_exception(error)) + repr(error) + caplog.text
    assert CANARY_KEY not in shown
    assert CANARY_KEY not in repr(client.settings)
    logging.getLogger(__name__).info("%r %r", client, client.settings)
    assert CANARY_KEY not in caplog.text


async def test_a_relay_that_is_not_there_was_sent_nothing() -> None:
    settings = RelaySettings(name="x", base_url="http://127.0.0.1:9/v1", max_retries=1)
    client = RelayClient(settings)
    error, _ = await failure_of(client)
    await client.aclose()
    assert (error.code, error.sent, error.retryable) == ("relay_unavailable", False, True)


async def test_silence_before_the_first_byte_is_a_timeout(
    loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    loopback.scripts = [["hang"]]
    client = RelayClient(settings_for(max_retries=1, first_byte_timeout_seconds=0.1))
    error, _ = await failure_of(client)
    await loopback.until(lambda: len(loopback.streams_left) == 1)
    await client.aclose()
    assert (error.code, error.sent) == ("relay_timeout", True)


async def test_a_relay_that_does_not_stream_is_understood(
    loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    body = {"choices": [{"message": {"content": "whole"}, "finish_reason": "stop"}]}
    loopback.scripts = [respond(200, body, Content_Type="application/json")]
    client = RelayClient(settings_for())
    assert text_of(await collect(client)) == "whole"
    await client.aclose()


def test_each_event_loop_has_its_own_connections() -> None:
    async def ask(client: RelayClient) -> str:
        server_relay = Loopback([stream(chunk("a", "stop"), DONE)])
        server = await asyncio.start_server(server_relay.serve, "127.0.0.1", 39471)
        try:
            return text_of(await collect(client))
        finally:
            await client.aclose()
            server.close()
            await server_relay.until(lambda: server_relay.open_connections == 0)

    client = RelayClient(RelaySettings(name="x", base_url="http://127.0.0.1:39471/v1"))
    assert [asyncio.run(ask(client)) for _ in range(2)] == ["a", "a"]
