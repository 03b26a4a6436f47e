"""Logs: one line a record, and no secret in it."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

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
