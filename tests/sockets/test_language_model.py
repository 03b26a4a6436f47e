"""The main job with a real language model: answer, stop, usage, cost."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx
import psutil
import pytest

from tests.conftest import lacking
from tests.processes import Child, free_port, wait_for_port
from tests.servers import TramServer, server_environment
from tests.socket_client import SocketClient

# That `make up` answers from it a quicker test shows.
pytestmark = pytest.mark.slow
MODEL = "smollm2-135m"
LOAD_TIMEOUT_SECONDS = 60.0
IDLE_SECONDS = 0.4
IDLE_WITHIN_SECONDS = 10.0


@dataclass(frozen=True)
class Model:
    """A language model's server, and what it is doing."""

    child: Child
    address: str

    def is_idle(self) -> bool:
        """Whether it hardly computes for a while, as it does when nobody listens any more."""
        process = psutil.Process(self.child.pid)
        before = process.cpu_times()
        time.sleep(IDLE_SECONDS)
        after = process.cpu_times()
        return after.user + after.system - before.user - before.system < IDLE_SECONDS / 4


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """SmolLM2, served by llama.cpp's own server."""
    if find_spec("xllamacpp") is None:
        lacking("the language model's packages (requirements/model.txt)")
    folder = tmp_path_factory.mktemp("model")
    port = free_port()
    child = Child(
        "-m",
        "chat.relay.demo.language_model",
        "--port",
        str(port),
        env=server_environment(folder),
        log=folder / "model.log",
    )
    child.start()
    try:
        wait_for_port(child, port)
        _wait_until_loaded(f"http://127.0.0.1:{port}/v1/models")
        yield Model(child, f"http://127.0.0.1:{port}/v1")
    finally:
        child.kill()


@pytest.fixture(scope="module")
def model_server(
    model: Model, server_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TramServer]:
    """The site with the model behind it."""
    env = {"EMBEDDED_RELAYS": f"local={model.address}"}
    folder = tmp_path_factory.mktemp("site")
    with TramServer(folder, server_template, env, relay=False) as server:
        yield server


def _wait_until_loaded(address: str) -> None:
    """It answers 503 while it reads the model's file."""
    deadline = time.monotonic() + LOAD_TIMEOUT_SECONDS
    while httpx.get(address).status_code != 200:
        assert time.monotonic() < deadline, "the model was not loaded in time"
        time.sleep(0.1)


async def open_as_alice(server: TramServer) -> SocketClient:
    client = server.sign_in("alice")
    try:
        return await SocketClient.open(server.ws_url, server.socket_headers(client))
    finally:
        client.close()


async def test_a_real_model_answers_with_its_usage_and_its_cost(model_server: TramServer) -> None:
    async with await open_as_alice(model_server) as alice:
        accepted = await alice.chat("Write one sentence about trams.", options={"max_tokens": 40})
        assert accepted["model"] == MODEL, "it is the default model"
        done = await alice.done(accepted["turn"])
    assert done["state"] == "completed"
    assert alice.turns[accepted["turn"]].content.strip()
    assert done["quality"] == "reported"
    assert 1 <= done["usage"]["completion_tokens"] <= 40
    assert done["usage"]["prompt_tokens"] > 5
    # The demonstration price is 0.02 dollars per million tokens: 20 nano-dollars a token.
    assert done["cost_nano_usd"] == 20 * done["usage"]["total_tokens"]


async def test_a_relay_without_a_websocket_is_asked_for_one_once(model_server: TramServer) -> None:
    async with await open_as_alice(model_server) as alice:
        for words in ("Say yes.", "Say no."):
            accepted = await alice.chat(words, options={"max_tokens": 4})
            assert (await alice.done(accepted["turn"]))["state"] == "completed"
    attempts = model_server.rows(
        "SELECT transport, outcome, status, prompt_tokens, completion_tokens, echoed_model"
        " FROM chat_attempt WHERE relay = 'local'"
    )
    assert len(attempts) >= 2
    for transport, outcome, status, prompt_tokens, completion_tokens, echoed in attempts:
        assert (transport, outcome, status) == ("sse", "completed", 200)
        assert min(prompt_tokens, completion_tokens) > 0
        assert echoed == MODEL
    assert model_server.log.count("No WebSocket to local") == 1, "it is remembered"


async def test_a_vocabulary_that_we_do_not_have_raises_no_alarm(model_server: TramServer) -> None:
    """The model's own vocabulary has 49,152 entries, ours 200,000: the counts differ honestly."""
    async with await open_as_alice(model_server) as alice:
        for number in range(3):
            accepted = await alice.chat(
                f"Write three sentences about station number {number}.",
                options={"max_tokens": 40, "temperature": 0},
            )
            assert (await alice.done(accepted["turn"]))["state"] == "completed"
    counts = model_server.rows(
        "SELECT completion_tokens, counted_completion_tokens FROM chat_attempt"
        " WHERE completion_tokens >= 30 AND quality = 'reported'"
    )
    reported, counted = (sum(column) for column in zip(*counts, strict=True))
    assert 0.9 < reported / counted < 1.5, (reported, counted)
    assert model_server.rows("SELECT kind, detail FROM chat_relayalert") == []


def test_the_check_of_a_real_model_says_what_it_can_do(model_server: TramServer) -> None:
    (relay,) = json.loads(model_server.manage("checkrelay", "--json"))
    told = {step["name"]: step["code"] for step in relay["steps"]}
    assert relay["usable"] is True
    assert told == {
        "address": "address_ok",
        "reachable": "reachable",
        "key": "key_ok",
        "models": "models_ok",
        "sse": "answer_ok",
        "websocket": "websocket_refused",
        "usage": "usage_absent",
    }
    table = model_server.manage("checkrelay").splitlines()
    assert table[1].split()[:6] == ["local", "ok", "ok", "1", "ok", "warning"]


async def test_a_stopped_model_stops_computing(model: Model, model_server: TramServer) -> None:
    async with await open_as_alice(model_server) as alice:
        accepted = await alice.chat("Count from 1 to 500.", options={"temperature": 0})
        await alice.first_text(accepted["turn"])
        assert not model.is_idle()
        await alice.send(type="interrupt", turn=accepted["turn"])
        await alice.done(accepted["turn"])
        deadline = time.monotonic() + IDLE_WITHIN_SECONDS
        while not model.is_idle():
            assert time.monotonic() < deadline, "nobody listens, and it goes on"


async def test_a_real_model_is_stopped(model_server: TramServer) -> None:
    async with await open_as_alice(model_server) as alice:
        accepted = await alice.chat("Count from 1 to 500.", options={"temperature": 0})
        await alice.first_text(accepted["turn"])
        await alice.send(type="interrupt", turn=accepted["turn"])
        done = await alice.done(accepted["turn"])
    assert (done["state"], done["quality"]) == ("interrupted", "estimated")
    assert 0 < done["cost_nano_usd"] < accepted["hold_nano_usd"]


async def test_a_conversation_longer_than_the_models_context_goes_on(
    model_server: TramServer,
) -> None:
    async with await open_as_alice(model_server) as alice:
        first = await alice.chat("Remember this: " + "tram " * 1500, options={"max_tokens": 8})
        await alice.done(first["turn"])
        second = await alice.chat(
            "And this: " + "station " * 1000,
            conversation=first["conversation"],
            options={"max_tokens": 8},
        )
        done = await alice.done(second["turn"])
    assert done["state"] == "completed", done
    assert done["usage"]["prompt_tokens"] < 4096
