"""The main job with a real language model: answer, stop, usage, cost."""

import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from tests.conftest import lacking
from tests.processes import Child, free_port, wait_for_port
from tests.servers import TramServer, server_environment
from tests.socket_client import SocketClient

MODEL = "smollm2-135m"
LOAD_TIMEOUT_SECONDS = 60.0


@pytest.fixture(scope="module")
def model_server(
    server_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TramServer]:
    """The site with SmolLM2 behind it, served by llama.cpp's own server."""
    if find_spec("xllamacpp") is None:
        lacking("the language model's packages (requirements/model.txt)")
    folder = tmp_path_factory.mktemp("model")
    port = free_port()
    model = Child(
        "-m",
        "chat.relay.demo.language_model",
        "--port",
        str(port),
        env=server_environment(folder),
        log=folder / "model.log",
    )
    model.start()
    try:
        wait_for_port(model, port)
        _wait_until_loaded(f"http://127.0.0.1:{port}/v1/models")
        env = {"EMBEDDED_RELAYS": f"local=http://127.0.0.1:{port}/v1"}
        with TramServer(folder, server_template, env, relay=False) as server:
            yield server
    finally:
        model.kill()


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
