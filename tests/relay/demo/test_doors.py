"""Keys, paths and bad input of the demo relay."""

from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from chat.relay.demo import DemoRelay
from chat.relay.demo.faults import FAULTS
from chat.relay.demo.handshakes import Handshake
from tests.relay.demo.client import KEY, body, frames, http, said, usages, websocket


async def post(relay: DemoRelay, **options: Any) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(relay.base_url + "/chat/completions", **options)


@pytest.mark.parametrize("key", ["hs_demo", "sk-hs-demo", "hsa-demo"])
async def test_a_demo_key_of_each_usual_prefix_opens(relay: DemoRelay, key: str) -> None:
    answer = await post(relay, json=body(), headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "Invalid authentication"),
        ({"Authorization": "Bearer"}, "Invalid authentication"),
        ({"Authorization": "Basic hs_demo"}, "Invalid authentication"),
        ({"Authorization": "Bearer YOUR_HOLYSHEEP_API_KEY"}, "Invalid API key provided"),
    ],
)
async def test_other_keys_are_refused(
    relay: DemoRelay, headers: dict[str, str], message: str
) -> None:
    answer = await post(relay, json=body(), headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {"error": {"message": message, "type": "invalid_request_error"}}
    async with httpx.AsyncClient(headers=headers) as client:
        assert (await client.get(relay.base_url + "/models")).status_code == 401
    with pytest.raises(InvalidStatus) as refused:
        async with connect(relay.websocket_url, additional_headers=headers):
            pass
    assert refused.value.response.status_code == 401


async def test_keys_can_be_chosen() -> None:
    async with DemoRelay(keys=frozenset({"hs_other"})) as relay:
        assert (await post(relay, json=body(), headers=KEY)).status_code == 401


async def test_an_unknown_model_is_named(relay: DemoRelay) -> None:
    answer = await post(relay, json=body(model="gpt-9"), headers=KEY)
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "Model 'gpt-9' not found"
    assert relay.requests == ()


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b'{"model":"gpt-4.1"}', b'{"model":"gpt-4.1","messages":[]}', b"\xff"],
)
async def test_a_bad_body_is_refused(relay: DemoRelay, content: bytes) -> None:
    answer = await post(relay, content=content, headers=KEY)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_unknown_paths_and_methods_are_refused(relay: DemoRelay) -> None:
    async with http() as client:
        assert (await client.get(relay.base_url + "/nothing")).status_code == 404
        assert (await client.get(relay.base_url + "/chat/completions")).status_code == 405


async def test_what_is_not_http_ends_the_connection_only(relay: DemoRelay) -> None:
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.TransportError):
            await client.post(relay.base_url + "/models", headers={"Content-Length": "x"})
    assert (await post(relay, json=body(), headers=KEY)).status_code == 200


async def test_the_catalogue_lists_models_and_hides_faults(relay: DemoRelay) -> None:
    async with http() as client:
        listed = (await client.get(relay.base_url + "/models")).json()["data"]
    names = {entry["id"]: entry["name"] for entry in listed}
    assert {"gpt-4.1", "claude-sonnet-4.5", "gemini-2.5-flash", "deepseek-v3.2"} <= set(names)
    assert all("scripted" in name for name in names.values())
    assert not any(name.startswith("fault-") for name in names)


async def test_faults_are_listed_on_request() -> None:
    async with DemoRelay(lists_faults=True) as relay, http() as client:
        listed = (await client.get(relay.base_url + "/models")).json()["data"]
    assert {f"fault-{name}" for name in FAULTS} <= {entry["id"] for entry in listed}


async def test_a_dropped_model_is_neither_listed_nor_answered(relay: DemoRelay) -> None:
    stock = relay.base_url.removesuffix("/v1") + "/demo/models"
    async with http() as client:
        answer = await client.post(stock, json={"dropped": ["gpt-4.1"]})
        listed = (await client.get(relay.base_url + "/models")).json()["data"]
        refused = await client.post(stock, json={"drop": []})
    assert (answer.status_code, refused.status_code) == (200, 400)
    assert "gpt-4.1" not in {entry["id"] for entry in listed}
    assert (await post(relay, json=body(), headers=KEY)).status_code == 404
    relay.shelf.dropped = frozenset()
    assert (await post(relay, json=body(), headers=KEY)).status_code == 200


async def test_the_list_of_models_can_be_out_of_order(relay: DemoRelay) -> None:
    relay.shelf.status = 503
    async with http() as client:
        assert (await client.get(relay.base_url + "/models")).status_code == 503
    assert (await post(relay, json=body(), headers=KEY)).status_code == 200


async def test_usage_adds_up_what_was_generated(relay: DemoRelay) -> None:
    await post(relay, json=body("hello", max_tokens=5), headers=KEY)
    async with http() as client:
        usage = (await client.get(relay.base_url + "/usage")).json()
    assert usage["total_usage"] == 6
    assert usage["total_granted"] == 10_000_000
    assert usage["total_available"] == 10_000_000 - 6


async def test_a_websocket_takes_one_answer_after_the_other(relay: DemoRelay) -> None:
    async with websocket(relay, body("short")) as client:
        first = await frames(client)
        await client.send('{"type": "ping"}')
        assert await client.recv() == "pong"
        await client.send('{"model": "gpt-4.1"}')
        assert "error" in str(await client.recv())
    async with websocket(relay, body("short")) as client:
        assert said(await frames(client)) == said(first)
    assert usages(first)[0]["completion_tokens"] == relay.requests[0].tokens_generated


async def test_a_websocket_refuses_a_second_request_while_it_streams(
    slow_relay: DemoRelay,
) -> None:
    async with websocket(slow_relay, body("long")) as client:
        assert await client.recv() == "ping"  # the answer has begun
        await client.send('{"type":"ping"}')
        await client.send("{}")
        heard = [str(await client.recv()) for _ in range(6)]
    assert "pong" in heard
    assert any("still streaming" in text for text in heard)


@pytest.mark.parametrize(("wish", "status"), [("off", 404), ("forbidden", 403), ("capacity", 503)])
async def test_handshakes_are_refused_on_request(wish: Handshake, status: int) -> None:
    async with DemoRelay(websocket=wish) as always, DemoRelay() as once:
        once.shake_next(wish)
        for relay in (always, once):
            with pytest.raises(InvalidStatus) as refused:
                async with websocket(relay, body()):
                    pass
            assert refused.value.response.status_code == status
        async with websocket(once, body()) as client:
            assert await frames(client)


async def test_a_handshake_can_be_queued_over_http_or_asked_for_by_a_header(
    relay: DemoRelay,
) -> None:
    address = relay.base_url.removesuffix("/v1") + "/demo/queue"
    async with http() as client:
        wish = {"script": "websocket-capacity", "times": 1}
        assert (await client.post(address, json=wish)).json() == {"queued": 1}
    for headers, status in ((KEY, 503), (KEY | {"X-Tram-Script": "websocket-off"}, 404)):
        with pytest.raises(InvalidStatus) as refused:
            async with connect(relay.websocket_url, additional_headers=headers):
                pass
        assert refused.value.response.status_code == status


async def test_a_silent_handshake_is_never_answered() -> None:
    async with DemoRelay(websocket="silent") as relay:
        with pytest.raises(TimeoutError):
            async with connect(relay.websocket_url, additional_headers=KEY, open_timeout=0.1):
                pass


async def test_a_script_can_be_queued_over_http(relay: DemoRelay) -> None:
    address = relay.base_url.removesuffix("/v1") + "/demo/queue"
    async with http() as client:
        assert (await client.post(address, json={"script": "nothing"})).status_code == 400
        assert (await client.post(address, json={"script": "busy"})).json() == {"queued": 1}
    assert (await post(relay, json=body(), headers=KEY)).status_code == 429
    assert (await post(relay, json=body(), headers=KEY)).status_code == 200
