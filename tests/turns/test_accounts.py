"""What relays say of our account: asked once a minute, and a silent one holds nobody up."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chat.relay.client import RelayClient
from chat.relay.errors import RelayError, RelayUnavailable
from chat.relay.settings import RelaySettings
from chat.turns.relays import RelayDirectory
from chat.turns.relays.accounts import Account, accounts


class Documents:
    """Answers `/usage` with a document, an error, or never."""

    def __init__(self, answer: dict[str, Any] | RelayError | None) -> None:
        self.answer = answer
        self.asked = 0

    async def get_document(self, path: str) -> Any:
        self.asked += 1
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, RelayError):
            raise self.answer
        return self.answer

    async def aclose(self) -> None:
        """Nothing is kept open."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.turns.relays.accounts.PATIENCE_SECONDS", 0.01)


def directory_of(*documents: Documents) -> RelayDirectory:
    clients = tuple(
        RelayClient(RelaySettings(name=f"relay {n}", base_url="http://127.0.0.1/v1"), None, each)
        for n, each in enumerate(documents)
    )
    return cast(RelayDirectory, SimpleNamespace(clients=clients))


@pytest.mark.parametrize("absurd", [10**400, -(10**400), 1e300, float("nan"), float("inf"), True])
async def test_an_absurd_account_counts_as_not_said(absurd: float) -> None:
    relays = directory_of(Documents({"total_usage": 1.5, "total_granted": absurd}))
    (account,) = (await accounts(relays)).values()
    assert (account.used, account.granted, account.left) == (1.5, None, None)


async def test_each_relay_is_asked_once_and_its_silence_has_a_code() -> None:
    good = Documents({"total_usage": 30, "total_granted": 100})
    vague, silent = Documents({"plan": "x"}), Documents(None)
    broken = Documents(RelayUnavailable("down"))
    relays = directory_of(good, vague, silent, broken)
    for _ in range(2):
        found = await accounts(relays)
        assert list(found.values()) == [
            Account(30, 100),
            Account(None, None),
            Account(code="relay_timeout"),
            Account(code="relay_unavailable"),
        ]
    assert [each.left for each in found.values()] == [70, None, None, None]
    assert [each.asked for each in (good, vague, silent, broken)] == [1, 1, 1, 1]
