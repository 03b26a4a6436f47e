"""A real site does what its description says, door by door."""

import os
import re
import shutil
import subprocess
import sys
from typing import Any
from uuid import uuid4

import httpx
import pytest

from chat.views.door_pages import groups
from tests.description.described import Described, Operation, published
from tests.openai.program import MODEL
from tests.processes import ROOT
from tests.servers import TramServer

TOLD = published()
CLOSED = [operation for operation in TOLD.operations if not operation.is_open]
OF_SESSIONS = ("chooseTeam",)
JSON = "application/json"


def ids(operation: Operation) -> str:
    return operation.id


def send(
    client: httpx.Client, operation: Operation, kind: str = "", body: Any = None
) -> httpx.Response:
    """Send an operation, on things of its own where it is about one."""
    path = operation.path
    if "{conversation_id}" in path:
        asked = client.post("/api/chat/stream", json={"message": "Hello", "model": MODEL})
        assert asked.is_success, asked.text
        place = asked.headers["x-tram-conversation"]
        path = path.replace("{conversation_id}", place)
        if operation.id == "restoreConversation":
            client.delete(f"/api/conversations/{place}").raise_for_status()
    if "{batch_id}" in path:
        made = client.post("/api/batches", json={"prompts": ["Say one"], "model": MODEL})
        assert made.is_success, made.text
        place = made.json()["id"]
        path = path.replace("{batch_id}", place)
        if operation.id in ("resumeBatch", "deleteBatch"):
            client.post(f"/api/batches/{place}/stop")
    path = path.replace("{model}", MODEL)
    if kind == JSON:
        return client.request(operation.method, path, json=body)
    headers = {"Content-Type": kind} if kind else {}
    return client.request(operation.method, path, content=body, headers=headers)


def test_the_site_gives_to_anybody_what_is_published(told: Described) -> None:
    assert told.document == TOLD.document


@pytest.mark.parametrize("operation", TOLD.operations, ids=ids)
def test_a_door_answers_as_described(
    program: httpx.Client, told: Described, operation: Operation
) -> None:
    if operation.id in OF_SESSIONS:
        return
    for kind, body in operation.examples() or [("", None)]:
        answer = send(program, operation, kind, body)
        told.check(operation, answer)
        assert answer.is_success, answer.text


@pytest.mark.parametrize("operation", CLOSED, ids=ids)
def test_a_door_refuses_strangers(site: TramServer, told: Described, operation: Operation) -> None:
    path = operation.path.replace("{model}", MODEL)
    for name in ("{conversation_id}", "{batch_id}"):
        path = path.replace(name, str(uuid4()))
    for headers in ({}, {"Authorization": "Bearer tram_0123456789_nobody"}):
        answer = httpx.request(operation.method, site.url + path, headers=headers, trust_env=False)
        assert answer.status_code == 401, answer.text
        told.check(operation, answer)


@pytest.mark.parametrize("path", TOLD.document["paths"])
def test_a_method_that_a_path_does_not_have_is_told_with_those_it_has(
    program: httpx.Client, path: str
) -> None:
    has = {method.upper() for method in TOLD.document["paths"][path]}
    for name in ("conversation_id", "batch_id"):
        path = path.replace(f"{{{name}}}", str(uuid4()))
    path = path.replace("{model}", MODEL)
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - has:
        answer = program.request(method, path)
        assert answer.status_code == 405, f"{method} {path}: {answer.text}"
        assert has <= {each.strip() for each in answer.headers["allow"].split(",")}
        if path.startswith(("/api/", "/v1/")):
            assert answer.json()["error"]["code"] == "method_not_allowed"


def test_a_refusal_of_a_completion_is_as_described(program: httpx.Client, told: Described) -> None:
    door = next(each for each in told.operations if each.id == "createChatCompletion")
    question = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
    for body, status in (
        ({}, 400),
        ({**question, "wings": 2}, 400),
        ({**question, "model": "no-such"}, 404),
        ({**question, "best_of": 2}, 400),
    ):
        answer = program.post(door.path, json=body)
        assert answer.status_code == status
        told.check(door, answer)


def run(command: list[str], site: TramServer, key: str) -> str:
    """Run an example as a person would, and return what it printed."""
    env = {**os.environ, "TRAM_API_KEY": key, "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        command, env=env, cwd=site.data_dir, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_examples_of_the_page_run(site: TramServer, key: str) -> None:
    shown = {door.id: door for group in groups(site.url) for door in group.doors}
    for name, said in (("createChatCompletion", "choices"), ("makeBatch", '"running"')):
        curl, python, _ = shown[name].examples
        if shutil.which("curl"):
            assert said in run(["sh", "-c", curl.text], site, key)
        assert run([sys.executable, "-c", python.text], site, key)
    if node := shutil.which("node"):
        script = shown["streamAnswer"].examples[2].text
        said = run([node, "--input-type=module", "--eval", script], site, key)
        assert said.startswith("200 data: ")


def test_the_example_of_the_readme_runs(site: TramServer, key: str) -> None:
    found = re.search(r"```python\n(.+?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found is not None
    example = found[1].replace("http://127.0.0.1:8000", site.url).replace("tram_…", key)
    assert len(run([sys.executable, "-c", example], site, key)) > 20
