"""Metrics of a real server: who may read them, that they parse, and that turns move them."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.servers import TramServer
from tests.sockets.conftest import OpenSocket

TOKEN = "for-tests-only-0123456789"


@pytest.fixture(scope="module")
def tram_server(
    server_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TramServer]:
    """The site with a token for Prometheus."""
    folder = tmp_path_factory.mktemp("tram")
    options = ("--faults", "--tokens-per-second", "0", "--first-token-seconds", "0.01")
    with TramServer(
        folder, server_template, {"METRICS_TOKEN": TOKEN}, relay_options=options
    ) as server:
        yield server


def scrape(server: TramServer) -> dict[tuple[str, ...], float]:
    """All samples, by name and the values of their labels."""
    answer = httpx.get(f"{server.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_only_who_brings_the_token_reads_metrics(tram_server: TramServer) -> None:
    address = f"{tram_server.url}/metrics"
    for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
        refused = httpx.get(address, headers=wrong)
        assert (refused.status_code, refused.text) == (401, "")
    assert httpx.post(address).status_code in (403, 405)
    assert scrape(tram_server)["tram_turns_active",] == 0


def test_the_relays_own_account_is_told(tram_server: TramServer) -> None:
    told = scrape(tram_server)
    assert told["tram_relay_account_granted", "", "demo"] > 0
    assert told["tram_relay_account_used", "", "demo"] >= 0


async def test_turns_move_the_metrics(open_socket: OpenSocket, tram_server: TramServer) -> None:
    before = scrape(tram_server)
    alice = await open_socket("alice")
    good = await alice.chat("Say something short", model="gpt-4.1")
    done = await alice.done(good["turn"])
    bad = await alice.chat("[fault: malformed-once]", model="gpt-4.1")
    await alice.done(bad["turn"])
    again = await alice.chat("[fault: error-500-once]", model="gpt-4.1")
    await alice.done(again["turn"])
    after = scrape(tram_server)

    def moved(*key: str) -> float:
        return after.get(key, 0.0) - before.get(key, 0.0)

    assert moved("tram_turns_started_total") == 3
    assert moved("tram_turns_ended_total", "", "completed") == 3
    assert moved("tram_turn_total_seconds_count") == 3
    assert moved("tram_turn_ttft_seconds_count") == 3
    attempts = {key: value for key, value in after.items() if key[0] == "tram_attempts_total"}
    # Labels by name: error_code, outcome, relay, transport.
    assert {key[1:4] for key in attempts} >= {
        ("", "completed", "demo"),
        ("relay_unavailable", "failed", "demo"),
    }
    assert moved("tram_retries_total", "demo") == 1
    assert moved("tram_malformed_frames_total", "demo") == 1
    assert (
        moved("tram_tokens_total", "out", "reported", "demo")
        >= (done["usage"]["completion_tokens"])
    )
    assert moved("tram_cost_usd_total", "reported", "demo") > 0
    assert after["tram_sockets_open",] == before["tram_sockets_open",] + 1
    assert after["tram_relay_breaker_state", "", "demo"] == 0
    assert after["tram_relay_catalogue_models", "demo"] > 10
    assert after["tram_alerts_open", "usage_drift"] == 0
    assert after["process_resident_memory_bytes",] > 0


def test_labels_name_no_person_and_no_team(tram_server: TramServer) -> None:
    names = {label for key in scrape(tram_server) for label in key[1:]}
    assert not names & {"alice", "bob", "charlie"}
