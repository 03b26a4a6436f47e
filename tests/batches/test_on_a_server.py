"""Batches on a real server: stopped, out of money, drained, failed by the relay, from the shell."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.nodes.batches import lines_of_json
from tests.faults.nodes.standing import MODEL
from tests.processes import ROOT
from tests.servers import TramServer

TEMPO = ("--tokens-per-second", "400", "--first-token-seconds", "0.02")
QUICK = {"BATCH_RETRY_SECONDS": "0.1", "DRAIN_SECONDS": "1", "MAX_RETRIES": "0"}
PATIENCE_SECONDS = 40.0
LOOK_SECONDS = 0.05
HELD = "select coalesce(sum(held_nano_usd), 0) from billing_budget"


@pytest.fixture(scope="module")
def server(server_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TramServer]:
    """A site whose answers take a tenth of a second or so."""
    folder = tmp_path_factory.mktemp("tram")
    with TramServer(folder, server_template, QUICK, relay_options=TEMPO) as made:
        yield made


@pytest.fixture
def bob(server: TramServer) -> Iterator[httpx.Client]:
    with closing(server.sign_in("bob")) as client:
        yield client


def send(client: httpx.Client, lines: int, **fields: Any) -> str:
    asked = "&".join(f"{name}={value}" for name, value in ({"model": MODEL} | fields).items())
    answer = client.post(
        f"/api/batches?{asked}",
        content=lines_of_json(lines),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def hold_answers(server: TramServer, times: int) -> None:
    """Let the relay's next answers begin and not go on."""
    held = {"script": [{"act": "say", "tokens": 5}, {"act": "hang"}], "times": times}
    tell_relay(server, held)


def tell_relay(server: TramServer, script: dict[str, Any]) -> None:
    address = server.relay_url.removesuffix("/v1") + "/demo/queue"
    httpx.post(address, json=script, trust_env=False).raise_for_status()


def until(client: httpx.Client, id: str, **wanted: Any) -> Any:
    """Wait for the batch to be so: its fields, or at least so many lines in a state."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        batch = client.get(f"/api/batches/{id}").raise_for_status().json()
        lines = batch["lines"]
        if all(lines[n] >= v if n in lines else batch[n] == v for n, v in wanted.items()):
            return batch
        assert time.monotonic() < give_up_at, batch
        time.sleep(LOOK_SECONDS)


def until_held(server: TramServer, answers: int) -> None:
    """Wait for so many answers that have begun: what is stopped before the relay was asked leaves
    its script to those that come after."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while server.rows("select count(distinct turn_id) from chat_journalchunk") != [(answers,)]:
        assert time.monotonic() < give_up_at, server.log[-2000:]
        time.sleep(LOOK_SECONDS)


def test_a_batch_stops_goes_on_and_gives_its_answers_as_files(
    server: TramServer, bob: httpx.Client
) -> None:
    hold_answers(server, 3)
    id = send(bob, 8, concurrency=3)
    until(bob, id, running=3)
    until_held(server, 3)
    assert bob.post(f"/api/batches/{id}/stop").json()["state"] == "stopped"
    stopped = until(bob, id, waiting=8)
    assert (stopped["state"], stopped["lines"]["running"]) == ("stopped", 0)

    assert bob.post(f"/api/batches/{id}/resume").json()["state"] == "running"
    done = until(bob, id, state="finished")

    assert done["lines"]["answered"] == 8
    assert server.rows(HELD) == [(0,)]
    results = [json.loads(line) for line in bob.get(f"/api/batches/{id}/results").iter_lines()]
    assert [each["custom_id"] for each in results] == [f"p{n}" for n in range(8)]
    for each in results:
        answer = each["response"]["body"]
        assert answer["object"] == "chat.completion"
        assert answer["choices"][0]["message"]["content"]
        assert answer["choices"][0]["finish_reason"] == "stop"
    assert sum(each["tram"]["cost_nano_usd"] for each in results) == done["cost_nano_usd"]
    table = bob.get(f"/api/batches/{id}/results?format=csv").text
    assert table.lstrip("\ufeff").startswith("line,custom_id,state,")
    assert table.count(",answered,") == 8


@pytest.mark.slow
def test_without_money_it_stops_and_goes_on_after_a_top_up(
    server: TramServer, bob: httpx.Client
) -> None:
    until(bob, send(bob, 1), state="finished")
    worst = server.rows("select max(hold_nano_usd) from chat_turn")[0][0]
    left = bob.get("/api/budget").json()["remaining_nano_usd"]
    # Money for one answer, and after it for none.
    server.manage("grantcredit", "Demo", "--", str((worst + 50_000 - left) / 10**9))

    id = send(bob, 4, concurrency=4)
    poor = until(bob, id, state="stopped")
    assert poor["stop"]["code"] == "budget_exhausted"
    assert "budget" in poor["stop"]["message"]
    assert poor["lines"] == {"total": 4, "waiting": 3, "running": 0, "answered": 1, "failed": 0}
    assert server.rows(HELD) == [(0,)]
    server.manage("grantcredit", "Demo", "5")
    assert bob.post(f"/api/batches/{id}/resume").json()["stop"] is None
    assert until(bob, id, state="finished")["lines"]["answered"] == 4


def test_what_the_relay_broke_off_is_asked_again_and_both_turns_are_paid(
    server: TramServer, bob: httpx.Client
) -> None:
    broken = {"script": [{"act": "say", "tokens": 8}, {"act": "reset"}], "times": 1}
    tell_relay(server, broken)

    id = send(bob, 1)
    done = until(bob, id, state="finished")

    (line,) = bob.get(f"/api/batches/{id}/lines").json()["items"]
    assert (line["state"], line["tries"], line["error"]) == ("answered", 2, None)
    assert done["quality"] == "estimated"
    turns = server.rows(
        "select cost_nano_usd from chat_turn where id in (select turn_id from chat_batchline "
        "where batch_id = ?)",
        id.replace("-", ""),
    )
    assert line["cost_nano_usd"] == done["cost_nano_usd"] > turns[0][0]


def test_a_model_that_nobody_offers_fails_its_line_alone(bob: httpx.Client) -> None:
    prompts = [{"prompt": "Say something short.", "model": "gpt-4.l"}, "Say something short."]
    made = bob.post("/api/batches", json={"prompts": prompts, "model": MODEL}).json()
    done = until(bob, made["id"], state="finished")
    assert (done["lines"]["answered"], done["lines"]["failed"]) == (1, 1)
    lines = bob.get(f"/api/batches/{made['id']}/lines?state=failed").json()["items"]
    assert [line["error"]["code"] for line in lines] == ["model_unknown"]


@pytest.mark.slow
def test_a_drained_server_goes_on_after_its_restart(server: TramServer, bob: httpx.Client) -> None:
    hold_answers(server, 4)
    id = send(bob, 12, concurrency=4)
    until(bob, id, running=4)
    until_held(server, 4)

    assert server.terminate() == 0
    assert server.rows("select count(*) from chat_turn where state = 'running'") == [(0,)]
    assert server.rows("select count(*) from chat_batchline where state = 'running'") == [(0,)]
    assert server.rows("select node from chat_batch where state = 'running'") == [("",)]
    server.start()

    assert until(bob, id, state="finished")["lines"]["answered"] == 12
    assert server.rows(HELD) == [(0,)]
    server.manage("verifyledger")


def test_the_command_shows_how_far_it_is_and_ctrl_c_stops_until_it_is_resumed(
    server: TramServer, tmp_path: Path
) -> None:
    asked, answers = tmp_path / "asked.jsonl", tmp_path / "answers.csv"
    asked.write_text(lines_of_json(12))
    write = ("--out", str(answers), "--format", "csv")
    asks = ("--person", "bob", "--team", "Demo", "--model", MODEL, "--concurrency", "2")
    running = subprocess.Popen(
        [sys.executable, "manage.py", "batch", str(asked), *asks, *write],
        cwd=ROOT,
        env=server.env,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has told all below to leave Ctrl-C alone.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert running.stderr is not None
    batch_id = running.stderr.readline().split()[1].rstrip(".")
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=PATIENCE_SECONDS)[1]
    assert running.returncode == 130, said
    assert f"--resume {batch_id}" in said

    done = subprocess.run(
        [sys.executable, "manage.py", "batch", "--resume", batch_id, *write],
        cwd=ROOT,
        env=server.env,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "12 of 12 lines answered, 0 failed" in done.stderr
    assert "USD" in done.stderr
    assert answers.read_text(encoding="utf-8-sig").count(",answered,") == 12
