"""The published examples and the page's own client do what the protocol asks of clients."""

import asyncio
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.course import Client, Trial, take
from tests.conformance.scenario import SCENARIOS
from tests.conftest import lacking
from tests.node import node, run_script
from tests.processes import ROOT

HERE = Path(__file__).parent
EXAMPLE = ROOT / "docs/examples/tram_client.py"


def example() -> Any:
    """The example for Python, loaded from the documents."""
    specification = importlib.util.spec_from_file_location("tram_client", EXAMPLE)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


async def python_example(trials: list[Trial]) -> Mapping[str, Any]:
    tram_client = example()
    stops: list[asyncio.Future[None]] = []

    async def take_one(trial: Trial) -> dict[str, Any]:
        answer = tram_client.Answer("What is a tram?")

        def tell(answer: Any) -> None:
            if trial["stop"] is not None and len(answer.text) >= trial["stop"] and not stops:
                stops.append(asyncio.ensure_future(answer.stop()))

        try:
            await answer.follow(trial["url"], trial["key"], tell)
        except tram_client.Refused as refused:
            return {"text": answer.text, "end": refused.code}
        return {"text": answer.text, "end": answer.done["state"]}

    taken = await asyncio.gather(*map(take_one, trials))
    return {trial["name"]: held for trial, held in zip(trials, taken, strict=True)}


def of_script(name: str) -> Client:
    """A client that a script of Node's drives."""

    async def run(trials: list[Trial]) -> Mapping[str, Any]:
        if node() is None:
            lacking("Node with the page's packages")
        told: dict[str, Any] = await run_script(HERE / name, env={"TRIALS": json.dumps(trials)})
        return told

    return run


@pytest.mark.parametrize(
    "client",
    [python_example, of_script("example.mjs"), of_script("page.mjs")],
    ids=["the example for Python", "the example for JavaScript", "the page"],
)
async def test_a_client_does_what_the_protocol_asks(client: Client) -> None:
    assert await take(client) == {}


async def deaf(trials: list[Trial]) -> Mapping[str, Any]:
    """A client that never comes and claims to hold what it should."""
    return {trial["name"]: {"text": "A tram", "end": "completed"} for trial in trials}


async def test_a_client_that_invents_its_answers_fails_everywhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.conformance.course.PATIENCE_SECONDS", 0.2)
    assert set(await take(deaf)) == set(SCENARIOS)
