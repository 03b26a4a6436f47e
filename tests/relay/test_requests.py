"""Requests over real HTTP: what is sent, what a refusal becomes, never the key."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from chat.relay import errors
from chat.relay.client import RelayClient
from chat.relay.settings import RelaySettings
from chat.relay.transports.scripted import Refuse
from chat.relay.types import RelayMessage
from tests.relay.conftest import CANARY_KEY, REQUEST, text_of
from tests.relay.loopback import DONE, Loopback, chunk, respond, stream
from tests.relay.reading import collect, failure_of, stream_of

SETTINGS = RelaySettings(name="double", base_url="http://127.0.0.1:9/v1", api_key=CANARY_KEY)
UNAVAILABLE = Refuse(errors.RelayUnavailable(status=503))


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
    async for _ in stream_of(client, request):
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
    ([*respond(204), b'{"error": "' + CANARY_KEY.encode() + b'"}\r\n', "close"],
     "relay_unavailable", True),
    ([b"HTTP/1.1 x " + CANARY_KEY.encode() + b"\r\n\r\n", "close"], "relay_unavailable", True),
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


async def test_a_whole_answer_without_its_end_keeps_its_text(
    loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    body = {"choices": [{"message": {"content": "half"}}]}
    loopback.scripts = [respond(200, body, Content_Type="application/json")]
    client = RelayClient(settings_for())
    error, events = await failure_of(client)
    await client.aclose()
    assert (error.code, text_of(events)) == ("relay_truncated", "half")


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
