"""Faults before the answer: error statuses, for ever and once (rows 14-18)."""

import json

import pytest

from chat.relay.demo import DemoRelay
from tests.relay.demo.client import chunks, said, sse
from tests.relay.demo.scenes import fault, refused, until_closed


@pytest.mark.parametrize(
    ("name", "status", "retry_after"),
    [
        ("busy-once", 429, "2"),
        ("error-500-once", 500, None),
        ("error-502-once", 502, None),
        ("error-503-once", 503, None),
    ],
)
async def test_rows_14_and_17_once_then_well(
    relay: DemoRelay, name: str, status: int, retry_after: str | None
) -> None:
    answer = await refused(relay, name)
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == retry_after
    assert said(chunks(await sse(relay, fault(name)))) != ""
    assert [record.state for record in relay.requests] == ["refused", "completed"]
    assert relay.requests[0].cost_nano_usd == 0
    # Another prompt begins anew.
    other = await refused(relay, name)
    assert other.status_code == status


@pytest.mark.parametrize(
    ("name", "status", "kind", "close_code"),
    [
        ("busy", 429, "rate_limit_error", 1013),
        ("busy-hour", 429, "rate_limit_error", 1013),
        ("unauthorized", 401, "invalid_request_error", 1008),
        ("forbidden", 403, "invalid_request_error", 1008),
        ("error-500", 500, "server_error", 1011),
    ],
)
async def test_rows_15_16_and_18_refused_for_ever(
    relay: DemoRelay, name: str, status: int, kind: str, close_code: int
) -> None:
    for _ in range(3):
        answer = await refused(relay, name)
        assert answer.status_code == status
        assert answer.json()["error"]["type"] == kind
    texts, closed = await until_closed(relay, name)
    assert json.loads(texts[0])["error"]["type"] == kind
    assert closed.rcvd is not None
    assert closed.rcvd.code == close_code


async def test_row_15_the_wait_is_told(relay: DemoRelay) -> None:
    answer = await refused(relay, "busy-hour")
    assert answer.headers["retry-after"] == "3600"
    assert answer.json()["error"]["message"] == "Rate limit exceeded. Retry after 3600 seconds"
