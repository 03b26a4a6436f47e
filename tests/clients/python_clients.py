"""The clients of Python's packages, each used as its documents show."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import httpx
import openai
import requests
import sseclient
import websockets

from tests.clients.conftest import Site
from tests.clients.results import LONG, MODEL, SHORT, WRONG_KEY, Refusal, Results, question

NO_MODEL = "no-such-model"
Play = Callable[[Site], Awaitable[Results]]


def words_of(chunks: Iterator[dict[str, Any]]) -> str:
    return "".join(word_of(chunk) for chunk in chunks)


def word_of(chunk: dict[str, Any]) -> str:
    return "".join(choice["delta"].get("content") or "" for choice in chunk["choices"])


def headers_of(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def with_openai(site: Site) -> Results:
    """The official package."""

    def refused(key: str, model: str) -> Refusal:
        with openai.OpenAI(base_url=site.base_url, api_key=key, max_retries=0) as client:
            try:
                client.chat.completions.create(**{**question(), "model": model})
            except openai.APIStatusError as error:
                return Refusal(type(error).__name__, error.status_code)
        raise AssertionError("not refused")

    with openai.OpenAI(base_url=site.base_url, api_key=site.key, max_retries=0) as client:
        ask: Any = client.chat.completions.create
        messages = question()["messages"]
        streamed = "".join(
            chunk.choices[0].delta.content or ""
            for chunk in ask(model=MODEL, messages=messages, stream=True)
        )
        whole = ask(model=MODEL, messages=messages).choices[0].message.content
        long = ask(**question(LONG), stream=True)
        cancelled = next(c.id for c in long if c.choices[0].delta.content)
        long.close()
    return Results(
        streamed, whole, refused(WRONG_KEY, MODEL), refused(site.key, NO_MODEL), cancelled
    )


async def with_httpx(site: Site) -> Results:
    """httpx, reading lines."""
    address = site.base_url + "/chat/completions"

    def chunks(answer: httpx.Response) -> Iterator[dict[str, Any]]:
        for line in answer.iter_lines():
            if line.startswith("data: ") and line != "data: [DONE]":
                yield json.loads(line.removeprefix("data: "))

    def refused(key: str, model: str) -> Refusal:
        body = {**question(), "model": model}
        answer = httpx.post(address, json=body, headers=headers_of(key), trust_env=False)
        try:
            answer.raise_for_status()
        except httpx.HTTPStatusError as error:
            return Refusal(type(error).__name__, error.response.status_code)
        raise AssertionError("not refused")

    with httpx.Client(headers=headers_of(site.key), trust_env=False, timeout=30) as client:
        with client.stream("POST", address, json=question(stream=True)) as answer:
            streamed = words_of(chunks(answer))
        whole = client.post(address, json=question()).json()["choices"][0]["message"]["content"]
        with client.stream("POST", address, json=question(LONG, stream=True)) as answer:
            cancelled = next(chunk["id"] for chunk in chunks(answer) if word_of(chunk))
    return Results(
        streamed, whole, refused(WRONG_KEY, MODEL), refused(site.key, NO_MODEL), cancelled
    )


async def with_aiohttp(site: Site) -> Results:
    """aiohttp, reading lines."""
    address = site.base_url + "/chat/completions"

    async def chunks(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
        async for line in answer.content:
            if line.startswith(b"data: ") and not line.startswith(b"data: [DONE]"):
                yield json.loads(line.removeprefix(b"data: "))

    async def refused(key: str, model: str) -> Refusal:
        body = {**question(), "model": model}
        try:
            async with session.post(address, json=body, headers=headers_of(key)) as answer:
                answer.raise_for_status()
        except aiohttp.ClientResponseError as error:
            return Refusal(type(error).__name__, error.status)
        raise AssertionError("not refused")

    async with aiohttp.ClientSession() as session:
        mine = headers_of(site.key)
        async with session.post(address, json=question(stream=True), headers=mine) as answer:
            streamed = "".join([word_of(chunk) async for chunk in chunks(answer)])
        async with session.post(address, json=question(), headers=mine) as answer:
            whole = (await answer.json())["choices"][0]["message"]["content"]
        async with session.post(address, json=question(LONG, stream=True), headers=mine) as answer:
            cancelled = await anext(c["id"] async for c in chunks(answer) if word_of(c))
            answer.close()
        wrong_key = await refused(WRONG_KEY, MODEL)
        unknown_model = await refused(site.key, NO_MODEL)
    return Results(streamed, whole, wrong_key, unknown_model, cancelled)


async def with_requests(site: Site) -> Results:
    """requests, with a reader of server-sent events."""
    address = site.base_url + "/chat/completions"

    def chunks(answer: requests.Response) -> Iterator[dict[str, Any]]:
        for event in sseclient.SSEClient(answer.iter_content(None)).events():
            if event.data != "[DONE]":
                yield json.loads(event.data)

    def refused(key: str, model: str) -> Refusal:
        body = {**question(), "model": model}
        with requests.post(address, json=body, headers=headers_of(key), timeout=30) as answer:
            try:
                answer.raise_for_status()
            except requests.HTTPError as error:
                return Refusal(type(error).__name__, error.response.status_code)
        raise AssertionError("not refused")

    with requests.Session() as session:
        session.trust_env = False
        session.headers.update(headers_of(site.key))
        with session.post(address, json=question(stream=True), stream=True) as answer:
            streamed = words_of(chunks(answer))
        with session.post(address, json=question()) as answer:
            whole = answer.json()["choices"][0]["message"]["content"]
        with session.post(address, json=question(LONG, stream=True), stream=True) as answer:
            cancelled = next(chunk["id"] for chunk in chunks(answer) if word_of(chunk))
    return Results(
        streamed, whole, refused(WRONG_KEY, MODEL), refused(site.key, NO_MODEL), cancelled
    )


async def with_websockets(site: Site) -> Results:
    """The relay's own form over a WebSocket."""

    def connect(key: str) -> Any:
        headers = headers_of(key)
        return websockets.connect(site.socket_url, additional_headers=headers, proxy=None)

    async with connect(site.key) as socket:
        await socket.send(json.dumps({**question(SHORT), "model": NO_MODEL}))
        status = json.loads(await socket.recv())["error"]["status"]
        await socket.send(json.dumps(question()))
        chunks = [json.loads(await socket.recv())]
        while not chunks[-1]["choices"][0]["finish_reason"]:
            chunks.append(json.loads(await socket.recv()))
        await socket.send(json.dumps(question(LONG)))
        cancelled = None
        while cancelled is None:
            chunk = json.loads(await socket.recv())
            cancelled = chunk["id"] if word_of(chunk) else None
    try:
        async with connect(WRONG_KEY):
            raise AssertionError("not refused")
    except websockets.InvalidStatus as error:
        wrong_key = Refusal(type(error).__name__, error.response.status_code)
    return Results(words_of(iter(chunks)), None, wrong_key, Refusal("frame", status), cancelled)
