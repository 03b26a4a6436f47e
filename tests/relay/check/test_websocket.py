"""What a check finds over WebSocket, under each transport policy."""

import pytest

from chat.relay.check import is_usable
from chat.relay.demo import DemoRelay
from tests.relay.check.trying import QUICK, check, settings_of


async def test_a_relay_with_a_websocket_answers_over_both() -> None:
    async with DemoRelay(**QUICK) as relay:
        steps = await check(settings_of(relay, transport="auto"), model="gpt-4.1")
        opened = await check(settings_of(relay, transport="auto"), answers=False)
    assert {step.status for step in steps.values()} == {"ok"}
    assert [request.via for request in relay.requests] == ["sse", "websocket"]
    assert (opened["websocket"].status, opened["websocket"].code) == ("ok", "websocket_opens")


@pytest.mark.parametrize(
    ("policy", "status", "code"),
    [
        ("auto", "warning", "websocket_refused"),
        ("websocket", "failed", "websocket_needed"),
        ("sse", "skipped", "skipped_transport"),
    ],
)
@pytest.mark.parametrize("answers", [True, False])
async def test_a_relay_without_a_websocket_is_usable_unless_set_to_nothing_else(
    policy: str, status: str, code: str, answers: bool
) -> None:
    async with DemoRelay(**QUICK, websocket="forbidden") as relay:
        steps = await check(settings_of(relay, transport=policy), answers=answers)
    assert (steps["websocket"].status, steps["websocket"].code) == (status, code)
    assert is_usable(steps.values()) == (status != "failed")
    assert {request.via for request in relay.requests} <= {"sse"}


async def test_a_relay_set_to_websocket_is_not_asked_by_sse() -> None:
    async with DemoRelay(**QUICK) as relay:
        steps = await check(settings_of(relay, transport="websocket"))
    assert steps["sse"].code == "skipped_transport"
    assert [request.via for request in relay.requests] == ["websocket"]
    assert is_usable(steps.values())


@pytest.mark.parametrize(
    ("fault", "code"),
    [("silent", "relay_timeout"), ("busy", "relay_rate_limited"), ("html", "relay_protocol")],
)
async def test_an_answer_that_fails_over_a_websocket_is_named(fault: str, code: str) -> None:
    async with DemoRelay(**QUICK) as relay:
        settings = settings_of(relay, transport="websocket")
        steps = await check(settings, model=f"fault-{fault}", step_seconds=0.5)
    assert (steps["websocket"].status, steps["websocket"].code) == ("failed", code)
