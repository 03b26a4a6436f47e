"""Faults of the token counts (rows 12, 13, 47)."""

import math

import pytest
import toktok

from chat.relay.demo import DemoRelay
from tests.relay.demo.client import body, chunks, payloads, sse, usages
from tests.relay.demo.scenes import fault


@pytest.mark.parametrize(
    ("name", "factors"),
    [
        ("usage-same", [1, 1]),
        ("usage-growing", [0.5, 1]),
        ("usage-shrinking", [1, 0.5]),
    ],
)
async def test_row_12_usage_twice(relay: DemoRelay, name: str, factors: list[float]) -> None:
    found = usages(chunks(await sse(relay, fault(name, max_tokens=100))))
    assert [usage["completion_tokens"] for usage in found] == [100 * f for f in factors]


async def test_row_12_usage_that_cannot_be(relay: DemoRelay) -> None:
    negative = usages(chunks(await sse(relay, fault("usage-negative"))))
    assert negative[0]["completion_tokens"] == -5
    huge = usages(chunks(await sse(relay, fault("usage-huge", max_tokens=300))))
    assert huge[0]["completion_tokens"] == 3_000


async def test_row_13_no_usage(relay: DemoRelay) -> None:
    received = await sse(relay, fault("no-usage"))
    assert usages(chunks(received)) == []
    assert payloads(received)[-1] == "[DONE]"


async def test_max_tokens_can_be_ignored(relay: DemoRelay) -> None:
    found = chunks(await sse(relay, fault("ignores-limit", max_tokens=5)))
    assert usages(found)[0]["completion_tokens"] > 200


async def test_a_fifth_more_of_all_tokens(relay: DemoRelay) -> None:
    true = usages(chunks(await sse(relay, fault("none"))))[0]
    false = usages(chunks(await sse(relay, fault("inflate"))))[0]
    for count in ("prompt_tokens", "completion_tokens"):
        assert false[count] == math.ceil(true[count] * 1.2)


async def test_another_model_in_every_chunk(relay: DemoRelay) -> None:
    for request, name in ((fault("swap"), "gpt-3.5-turbo"), (body(), "gpt-4.1")):
        assert {chunk["model"] for chunk in chunks(await sse(relay, request))} == {name}


async def test_a_whole_relay_can_be_false_and_count_as_the_models_do() -> None:
    request = body("Một bài viết dài về tàu điện")
    usage = {}
    for inflation, by_model in ((1.0, False), (1.0, True), (1.2, True)):
        async with DemoRelay(
            tokens_per_second=None,
            first_token_seconds=0.0,
            inflation=inflation,
            counts_by_model=by_model,
            answers_as="another",
        ) as relay:
            found = chunks(await sse(relay, request))
        assert {chunk["model"] for chunk in found} == {"another"}
        usage[inflation, by_model] = usages(found)[0]
        text = "".join(c["choices"][0]["delta"].get("content", "") for c in found if c["choices"])
    true = usage[1.0, True]
    assert true["completion_tokens"] == toktok.batch_count([text], "o200k_base", threads=1)[0]
    assert usage[1.0, False]["completion_tokens"] != true["completion_tokens"]
    for count in ("prompt_tokens", "completion_tokens"):
        assert usage[1.2, True][count] == math.ceil(true[count] * 1.2)
