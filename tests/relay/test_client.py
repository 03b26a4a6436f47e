"""The client of one relay: tries, catalogue, account, key."""

from __future__ import annotations

import pytest

from chat.relay import errors
from chat.relay.client import RelayClient
from chat.relay.settings import RelaySettings
from chat.relay.transports.scripted import ScriptedTransport
from tests.relay.conftest import CANARY_KEY

SETTINGS = RelaySettings(name="double", base_url="http://127.0.0.1:9/v1", api_key=CANARY_KEY)


def client_of(transport: ScriptedTransport, settings: RelaySettings = SETTINGS) -> RelayClient:
    return RelayClient(settings, transport, transport)


async def test_an_unknown_model_is_explained_with_near_matches() -> None:
    unknown = errors.ModelUnknown("no", model="gpt-4.2", status=404)
    client = client_of(ScriptedTransport(documents={"models": {"data": [{"id": "gpt-4.1"}]}}))
    assert client.explained(unknown) is unknown
    await client.models()
    explained = client.explained(unknown)
    assert isinstance(explained, errors.ModelUnknown)
    assert (explained.near_matches, explained.status) == (("gpt-4.1",), 404)


async def test_usage_and_key_check() -> None:
    documents = {
        "usage": {"total_usage": 5, "total_granted": 100, "plan": "team"},
        "models": {"data": [{"id": "a"}, {"id": "b", "name": "Bee"}]},
    }
    client = client_of(ScriptedTransport(documents=documents))
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
        await client_of(transport, settings).check_key()


async def test_an_unknown_prefix_is_only_a_warning() -> None:
    settings = RelaySettings(name="x", base_url="http://x", api_key="zz-canary")
    transport = ScriptedTransport(documents={"models": {"data": []}})
    report = await client_of(transport, settings).check_key()
    assert report.warning is not None
    assert "canary" not in report.warning
