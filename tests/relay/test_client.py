"""The client of one relay: tries, catalogue, account, key."""

from __future__ import annotations

import random

import pytest

from chat.relay import errors
from chat.relay.client import RelayClient
from chat.relay.settings import RelaySettings
from chat.relay.transports.scripted import Hang, Lose, Refuse, ScriptedTransport, answer, say
from chat.relay.types import Delta, RetryNotice
from tests.relay.conftest import CANARY_KEY, text_of
from tests.relay.reading import collect, failure_of

SETTINGS = RelaySettings(name="double", base_url="http://127.0.0.1:9/v1", api_key=CANARY_KEY)
UNAVAILABLE = Refuse(errors.RelayUnavailable(status=503))


class Sleeper:
    """Stands for asyncio.sleep and keeps what was asked of it."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)


def client_of(
    transport: ScriptedTransport, sleeper: Sleeper, settings: RelaySettings = SETTINGS
) -> RelayClient:
    return RelayClient(settings, transport, transport, sleep=sleeper, rng=random.Random(1))


async def test_a_failure_before_the_first_delta_is_tried_again() -> None:
    transport, sleeper = ScriptedTransport([UNAVAILABLE], answer("ok")), Sleeper()
    events = await collect(client_of(transport, sleeper))
    assert isinstance(events[0], RetryNotice)
    assert (events[0].attempt, events[0].error.code) == (1, "relay_unavailable")
    assert events[0].delay_seconds == sleeper.waits[0]
    assert (text_of(events), len(transport.requests)) == ("ok", 2)


async def test_a_failure_after_the_first_delta_is_not_tried_again() -> None:
    transport = ScriptedTransport([say("half"), Lose()], answer("again"))
    error, events = await failure_of(client_of(transport, Sleeper()))
    assert (error.code, events, len(transport.requests)) == (
        "relay_stream_broken", [Delta("half")], 1,
    )  # fmt: skip


async def test_three_tries_are_all_and_their_delays_double() -> None:
    transport, sleeper = ScriptedTransport([UNAVAILABLE]), Sleeper()
    error, events = await failure_of(client_of(transport, sleeper))
    assert (error.code, len(transport.requests), len(events)) == ("relay_unavailable", 3, 2)
    assert 0.75 <= sleeper.waits[0] <= 1.25
    assert 1.5 <= sleeper.waits[1] <= 2.5


async def test_the_wait_that_the_relay_asks_for_is_kept() -> None:
    busy = Refuse(errors.RelayRateLimited(retry_after_seconds=2))
    sleeper = Sleeper()
    events = await collect(client_of(ScriptedTransport([busy], answer("ok")), sleeper))
    assert 2 <= sleeper.waits[0] <= 2.25
    assert text_of(events) == "ok"


async def test_a_wait_beyond_the_budget_is_told_at_once() -> None:
    busy = Refuse(errors.RelayRateLimited(retry_after_seconds=3600))
    transport, sleeper = ScriptedTransport([busy]), Sleeper()
    error, _ = await failure_of(client_of(transport, sleeper))
    assert (error.code, error.retry_after_seconds) == ("relay_rate_limited", 3600)
    assert (sleeper.waits, len(transport.requests)) == ([], 1)


@pytest.mark.parametrize("error", [errors.RelayAuth(), errors.ModelUnknown()])
async def test_what_no_waiting_mends_is_not_tried_again(error: errors.RelayError) -> None:
    transport = ScriptedTransport([Refuse(error)])
    found, _ = await failure_of(client_of(transport, Sleeper()))
    assert (found.code, len(transport.requests)) == (error.code, 1)


async def test_an_error_speaks_for_all_attempts_about_what_was_sent() -> None:
    maybe_billed = Refuse(errors.RelayUnavailable(status=500))
    never_reached = Refuse(errors.RelayUnavailable(sent=False))
    error, _ = await failure_of(
        client_of(ScriptedTransport([maybe_billed], [never_reached]), Sleeper())
    )
    assert error.sent
    error, _ = await failure_of(
        client_of(ScriptedTransport([Refuse(errors.RelayUnavailable(sent=False))]), Sleeper())
    )
    assert not error.sent


async def test_the_whole_turn_has_a_limit() -> None:
    settings = RelaySettings(name="x", base_url="http://x", turn_timeout_seconds=0.1)
    transport = ScriptedTransport([say("a"), Hang()])
    error, events = await failure_of(client_of(transport, Sleeper(), settings))
    assert (error.code, text_of(events), transport.open_streams) == ("relay_timeout", "a", 0)


async def test_an_unknown_model_is_told_with_near_matches() -> None:
    unknown = Refuse(errors.ModelUnknown("no", model="gpt-4.2", status=404))
    transport = ScriptedTransport([unknown], documents={"models": {"data": [{"id": "gpt-4.1"}]}})
    client = client_of(transport, Sleeper())
    await client.models()
    error, _ = await failure_of(client)
    assert isinstance(error, errors.ModelUnknown)
    assert (error.near_matches, error.status) == (("gpt-4.1",), 404)


async def test_usage_and_key_check() -> None:
    documents = {
        "usage": {"total_usage": 5, "total_granted": 100, "plan": "team"},
        "models": {"data": [{"id": "a"}, {"id": "b", "name": "Bee"}]},
    }
    client = client_of(ScriptedTransport(documents=documents), Sleeper())
    account = await client.usage()
    assert (account.total_usage, account.total_granted) == (5, 100)
    assert account.other == {"plan": "team"}
    report = await client.check_key()
    assert (report.models, report.warning) == (2, None)


@pytest.mark.parametrize("key", ["", "  ", "YOUR_HOLYSHEEP_API_KEY", "hs_ab\ncd", "hs_é"])
async def test_a_key_that_cannot_work_is_refused(key: str) -> None:
    settings = RelaySettings(name="x", base_url="http://x", api_key=key)
    transport = ScriptedTransport(documents={"models": {"data": []}})
    with pytest.raises(errors.RelayAuth):
        await client_of(transport, Sleeper(), settings).check_key()


async def test_an_unknown_prefix_is_only_a_warning() -> None:
    settings = RelaySettings(name="x", base_url="http://x", api_key="zz-canary")
    transport = ScriptedTransport(documents={"models": {"data": []}})
    report = await client_of(transport, Sleeper(), settings).check_key()
    assert report.warning is not None
    assert "canary" not in report.warning
