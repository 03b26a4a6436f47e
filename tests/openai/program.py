"""A program that asks over HTTP, and what it reads from the answers."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Self

import httpx

from tests.servers import TramServer

QUICK = ("--tokens-per-second", "400", "--first-token-seconds", "0.01", "--faults")
"""So that a long answer takes some four seconds, and `fault-...` models misbehave."""
MODEL = "gpt-4.1"
PATH = "/v1/chat/completions"


def make_key(server: TramServer, username: str, *options: str) -> str:
    """Make an API key of a person by the command."""
    said = server.manage("createapikey", username, "--name", "robot", *options)
    return said.strip().splitlines()[-1]


def let_relay(server: TramServer, *acts: Mapping[str, Any]) -> None:
    """Let the relay's next answer go like this, and end well."""
    end = ({"act": "finish"}, {"act": "report"}, {"act": "done"}, {"act": "end"})
    address = server.relay_url.removesuffix("/v1") + "/demo/queue"
    script = {"script": [*acts, *end], "times": 1}
    httpx.post(address, json=script, trust_env=False).raise_for_status()


def question(text: str = "Say something short", **fields: Any) -> dict[str, Any]:
    """The body of a request."""
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **fields}


class Program:
    """One program with one key, and a connection pool of its own."""

    def __init__(self, server: TramServer, key: str) -> None:
        self.server = server
        headers = {"Authorization": f"Bearer {key}"}
        self.http = httpx.Client(base_url=server.url, headers=headers, timeout=30, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def ask(self, text: str = "Say something short", **fields: Any) -> httpx.Response:
        """Ask for a whole answer."""
        return self.post(question(text, **fields))

    def post(self, body: Any, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Send a body as JSON."""
        return self.http.post(PATH, json=body, headers=headers)

    def stream(self, text: str = "Say something short", **fields: Any) -> "Streamed":
        """Ask for a stream and read all of it."""
        body = question(text, stream=True, **fields)
        with self.http.stream("POST", PATH, json=body) as answer:
            return Streamed(answer, list(answer.iter_lines()))


class Streamed:
    """A stream that was read to its end."""

    def __init__(self, answer: httpx.Response, lines: list[str]) -> None:
        self.answer = answer
        self.lines = lines
        self.data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
        self.chunks = [json.loads(data) for data in self.data if data != "[DONE]"]

    @property
    def text(self) -> str:
        return "".join(delta.get("content") or "" for delta in self.deltas())

    @property
    def is_whole(self) -> bool:
        return self.data[-1:] == ["[DONE]"]

    def deltas(self) -> Iterator[dict[str, Any]]:
        for chunk in self.chunks:
            for choice in chunk.get("choices", ()):
                yield choice["delta"]


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """The error of a refusal, which has all its fields."""
    error: dict[str, Any] = answer.json()["error"]
    assert {"message", "type", "param", "code"} <= set(error)
    return error
