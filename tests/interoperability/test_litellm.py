"""Against LiteLLM's proxy with mock answers: a relay that this project did not write."""

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest

from chat.relay.attempts import Attempt
from chat.relay.check import CheckPlan, check_relay, is_usable
from chat.relay.client import RelayClient
from chat.relay.errors import ModelUnknown, RelayError
from chat.relay.settings import RelaySettings
from chat.relay.types import ChatRequest, Delta, Finish, RelayEvent, RelayMessage, UsageReport
from tests.interoperability.environment import program
from tests.processes import free_port

KEY = "sk-tram-interoperability"
MODEL, LONG_MODEL = "mock-tram", "mock-long"
WORDS = "The tram stops at every station between the harbour and the hill."
START_SECONDS = 90.0


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The proxy on loopback, with a master key and without a database."""
    folder: Path = tmp_path_factory.mktemp("litellm")
    answers = {MODEL: WORDS, LONG_MODEL: "station " * 5000}
    models = [
        {
            "model_name": name,
            "litellm_params": {"model": f"openai/{name}", "api_key": "no", "mock_response": text},
        }
        for name, text in answers.items()
    ]
    config = {"model_list": models, "general_settings": {"master_key": KEY}}
    (folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
    port = free_port()
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    command = [program("litellm"), "--config", str(folder / "config.yaml")]
    with (folder / "log").open("wb") as log:
        proxy = subprocess.Popen(
            [*map(str, command), "--host", "127.0.0.1", "--port", str(port)],
            env=env,
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        transport = httpx.HTTPTransport(retries=0)
        with httpx.Client(transport=transport, timeout=5) as client:
            _wait(client, f"http://127.0.0.1:{port}/health/liveliness", proxy, folder / "log")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        proxy.kill()
        proxy.wait()


def _wait(client: httpx.Client, url: str, proxy: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while proxy.poll() is None and time.monotonic() < deadline:
        try:
            if client.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(log.read_text()[-2000:])


def settings_of(address: str, **changes: Any) -> RelaySettings:
    fields = {"name": "litellm", "base_url": address, "api_key": KEY, "transport": "auto"}
    return RelaySettings(**fields | changes)


def asked(model: str = MODEL) -> ChatRequest:
    return ChatRequest(model, (RelayMessage("user", "Where does the tram stop?"),), 256)


async def answer(client: RelayClient, model: str = MODEL) -> tuple[list[RelayEvent], Attempt]:
    attempt = Attempt(1, "litellm", "", asked(model))
    async with aclosing(client.attempt(asked(model), attempt)) as events:
        return [event async for event in events], attempt


async def test_its_models_are_listed(address: str) -> None:
    client = RelayClient(settings_of(address))
    try:
        listed = await client.models(fresh=True)
    finally:
        await client.aclose()
    assert {entry.id for entry in listed.entries} == {MODEL, LONG_MODEL}


async def test_an_answer_comes_whole_by_sse_with_its_usage(address: str) -> None:
    client = RelayClient(settings_of(address))
    try:
        for _ in range(2):
            events, attempt = await answer(client)
            assert "".join(each.content for each in events if isinstance(each, Delta)) == WORDS
            assert [each.finish_reason for each in events if isinstance(each, Finish)] == ["stop"]
            (report,) = (each.usage for each in events if isinstance(each, UsageReport))
            assert min(report.prompt_tokens, report.completion_tokens) > 0
            assert attempt.transport == "sse", "it has no WebSocket for chat completions"
            assert attempt.echoed_model == MODEL
    finally:
        await client.aclose()


async def test_a_stop_closes_the_stream(address: str) -> None:
    client = RelayClient(settings_of(address))
    attempt = Attempt(1, "litellm", "", asked(LONG_MODEL))
    try:
        async with (
            asyncio.timeout(10),
            aclosing(client.attempt(asked(LONG_MODEL), attempt)) as events,
        ):
            async for event in events:
                if isinstance(event, Delta) and event.content:
                    break
        events_after, _ = await answer(client)
        assert events_after, "the next answer comes all the same"
    finally:
        await client.aclose()


async def test_an_unknown_model_has_its_name(address: str) -> None:
    client = RelayClient(settings_of(address))
    try:
        with pytest.raises(ModelUnknown):
            await answer(client, "no-such-model")
    finally:
        await client.aclose()


async def test_a_wrong_key_is_an_error_and_never_shown(address: str) -> None:
    client = RelayClient(settings_of(address, api_key="sk-wrong-canary-0123456789"))
    try:
        with pytest.raises(RelayError) as refused:
            await client.models(fresh=True)
    finally:
        await client.aclose()
    # Without a database it says 400, "No connected db.", to a key that is not the master key.
    assert refused.value.status in (400, 401, 403)
    assert "canary" not in str(refused.value)


async def test_the_check_says_what_it_can_do(address: str) -> None:
    steps = {step.name: step async for step in check_relay(settings_of(address), CheckPlan())}
    assert is_usable(steps.values()), steps
    assert steps["key"].code == "key_odd"
    assert steps["models"].facts["count"] == 2
    assert steps["sse"].code in ("answer_ok", "answer_quick")
    assert steps["websocket"].code == "websocket_refused"
    assert steps["usage"].code == "usage_absent"
    wrong = settings_of(address, api_key="sk-wrong-canary-0123456789")
    assert not is_usable([step async for step in check_relay(wrong, CheckPlan())])
