"""Where the site is to be reached by https, the doors for programs answer nothing else."""

import json
from typing import Any

import pytest

from chat.openai import OpenAIDoors
from chat.streams import StreamDoor


@pytest.mark.parametrize(
    ("door", "path"), [(StreamDoor, "/api/chat/stream"), (OpenAIDoors, "/v1/chat/completions")]
)
async def test_a_request_in_the_clear_is_refused_before_its_key_is_looked_at(
    door: Any, path: str, settings: Any
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("nothing of it is read")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "scheme": "http",
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer tram_whatever")],
    }
    await door(None)(scope, receive, send)
    assert sent[0]["status"] == 400
    assert "https" in json.loads(sent[1]["body"])["error"]["message"]
