"""Logs: one line a record, and no secret in it."""

import io
import json
import logging
import threading
from collections.abc import Iterator

import pytest
import structlog
from django.db import OperationalError

from chat.serving.workers import ThisProcess
from config import logs

CANARY = "canary/configured+secret=value"


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    before, configured = root.level, structlog.get_config()
    monkeypatch.setattr("sys.stderr", stream)
    logs.configure(level="INFO", pretty=False, secrets=(CANARY,))
    yield stream
    monkeypatch.undo()
    logs.configure(level="INFO", pretty=False, secrets=())
    # Loggers that were used before keep their own list of processors: it must be the one in force.
    structlog.configure(**configured)
    root.setLevel(before)


def records(output: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


@pytest.mark.parametrize(
    "secret",
    [
        "hs_0123456789abcdef",
        "sk-hs-0123456789abcdef",
        "hsa-0123456789abcdef",
        "sk-0123456789abcdef",
        "tram_ab12cd_0123456789abcdefABCDEF",
        "Bearer opaque.token-without-shape",
        CANARY,
    ],
)
def test_a_secret_is_hidden_wherever_it_stands(output: io.StringIO, secret: str) -> None:
    log = structlog.get_logger("test")
    plain = logging.getLogger("test.plain")
    log.warning("relay_refused", detail=f"key {secret} is bad", nested={"list": [secret]})
    plain.warning("key %s", secret)
    try:
        raise ValueError(secret)
    except ValueError:
        log.exception("failed", raw=secret.encode())
    text = output.getvalue()
    assert len(records(output)) == 3
    assert secret.removeprefix("Bearer ") not in text
    assert text.count(logs.HIDDEN) >= 4


@pytest.mark.parametrize("name", ["password", "Authorization", "api_key", "cookie", "csrf_token"])
def test_a_field_with_a_secret_name_is_hidden(output: io.StringIO, name: str) -> None:
    structlog.get_logger("test").info("signed_in", **{name: "short", "fields": {name: "short"}})
    assert "short" not in output.getvalue()


def test_what_is_no_secret_stays_readable(output: io.StringIO) -> None:
    structlog.get_logger("test").info("turn_ended", tokens=12, model="gpt-4.1", task="a-sk-b")
    (record,) = records(output)
    assert (record["tokens"], record["model"], record["task"]) == (12, "gpt-4.1", "a-sk-b")


def test_control_characters_cannot_forge_a_line_or_colour_a_terminal(output: io.StringIO) -> None:
    logging.getLogger("test").warning('one\r\n{"event": "forged"}\x1b[31m\u2028two\x85')
    (record,) = records(output)
    assert "\\u000a" in str(record["event"])
    assert not logs.CONTROL_CHARACTERS.search(output.getvalue().rstrip("\n"))


def test_what_an_outage_repeats_is_said_once_a_minute(output: io.StringIO) -> None:
    for _ in range(5):
        structlog.get_logger("test.beat").warning("beat_failed", error="OperationalError")
        logging.getLogger("psycopg.pool").warning("error connecting in %r", "pool-1")
        structlog.get_logger("test").warning("something_else")
    events = [record["event"] for record in records(output)]
    assert [events.count(event) for event in ("beat_failed", "something_else")] == [1, 5]
    assert len(events) == 7


def test_a_stranger_s_request_leaves_one_line_and_no_traceback(output: io.StringIO) -> None:
    error = ValueError("Invalid HTTP_HOST header")
    logging.getLogger("django.security.DisallowedHost").error(str(error), exc_info=error)
    (record,) = records(output)
    assert "exception" not in record


def test_a_request_that_finds_no_database_says_why_in_one_line(output: io.StringIO) -> None:
    error = OperationalError("couldn't get 100% of a connection")
    for path in ("/", "/100%25"):
        logging.getLogger("django.request").error("Error: %s", path, exc_info=error)
    assert "exception" not in output.getvalue()
    assert [record["event"] for record in records(output)] == [
        f"Error: / ({error})",
        f"Error: /100%25 ({error})",
    ]


def test_every_line_of_a_worker_names_it_also_from_a_thread(
    output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ThisProcess, "worker", 3)
    thread = threading.Thread(target=logging.getLogger("test").warning, args=["hello"])
    thread.start()
    thread.join()
    (record,) = records(output)
    assert record["worker"] == 3
