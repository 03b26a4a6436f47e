"""The client of one relay: tries, catalogue, account, key."""

from __future__ import annotations

import pytest

from chat.relay import errors
from chat.relay.client import RelayClient
from chat.relay.keys import inspect_key
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


async def test_the_relays_own_account_is_read() -> None:
    documents = {
        "usage": {"total_usage": 5, "total_granted": 100, "plan": "team"},
    }
    client = client_of(ScriptedTransport(documents=documents))
    account = await client.usage()
    assert (account.total_usage, account.total_granted) == (5, 100)
    assert account.other == {"plan": "team"}


@pytest.mark.parametrize("key", ["", "  ", "YOUR_HOLYSHEEP_API_KEY", "hs_ab\ncd", "hs_é"])
def test_a_key_that_cannot_work_is_refused(key: str) -> None:
    with pytest.raises(errors.RelayAuth):
        inspect_key(key)


def test_an_unknown_prefix_is_only_a_warning() -> None:
    assert inspect_key("hs_canary") is None
    warning = inspect_key("zz-canary")
    assert warning is not None
    assert "canary" not in warning
