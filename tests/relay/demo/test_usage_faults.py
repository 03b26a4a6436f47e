"""Faults of the token counts (rows 12, 13, 47)."""

import pytest

from chat.relay.demo import DemoRelay
from tests.relay.demo.client import chunks, payloads, sse, usages
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
