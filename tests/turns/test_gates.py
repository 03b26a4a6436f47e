"""One gate for one key, in each event loop, with the limits that its relay names."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from chat.relay.settings import RelaySettings
from chat.turns.limits import close_gates, gate_for
from chat.turns.limits.gates import place_of
from chat.turns.limits.meter import KeyLimits
from chat.turns.relays.configured import configured, installation_settings
from config.environment import SettingInvalid, read
from config.options import Limits


@pytest.fixture(autouse=True)
async def closed() -> AsyncIterator[None]:
    yield
    await close_gates()


def relay(**values: Any) -> RelaySettings:
    fields = {"name": "one", "base_url": "http://127.0.0.1:9/v1", "api_key": "hs_1", **values}
    return RelaySettings(**fields)


async def test_a_key_keeps_its_gate_and_gets_the_limits_named_last() -> None:
    gate = gate_for(relay(requests_per_minute=3))
    assert gate.limits == KeyLimits(requests_per_minute=3)
    assert gate_for(relay(concurrent_streams=2)) is gate
    assert gate.limits == KeyLimits(concurrent_streams=2)


async def test_every_key_has_a_gate_of_its_own() -> None:
    keys = [
        relay(),
        relay(name="two"),
        relay(key_label="spare"),
        # Another key under the same label was not asked to pause.
        relay(api_key="hs_2"),
        relay(name="one:spare"),
    ]
    assert len({gate_for(each) for each in keys}) == len(keys)


def test_the_name_of_a_place_does_not_tell_the_key() -> None:
    place = place_of(relay(name="a {b}:c", key_label="d", api_key="hs_canary_51"))
    assert place.startswith("a%20%7Bb%7D%3Ac:d:")
    assert "canary" not in place


def test_a_relay_with_a_real_key_is_limited_and_one_on_this_machine_is_not(settings: Any) -> None:
    settings.RELAY = replace(
        settings.RELAY, api_key="", embedded=("demo=http://127.0.0.1:9/v1",), embedded_key="hs_demo"
    )
    assert [each.requests_per_minute for each in configured()] == [0]
    settings.RELAY = replace(settings.RELAY, api_key="hs_real")
    assert [each.requests_per_minute for each in configured()] == [60]
    stored = installation_settings("stored", "https://relay.example.com/v1", "", "hs_stored")
    assert stored.requests_per_minute == 60


def test_a_limit_that_is_set_holds_for_all_relays_and_none_can_be_set() -> None:
    for number in (7, 0):
        limits = read(Limits, {"MAX_REQUESTS_PER_MINUTE": str(number)})
        assert limits.key_requests_per_minute() == number
        assert limits.key_requests_per_minute(embedded=True) == number
    with pytest.raises(SettingInvalid):
        read(Limits, {"MAX_REQUESTS_PER_MINUTE": "-1"})
