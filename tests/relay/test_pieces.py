"""The pure leaves: refusals, waits, keys, catalogue."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from chat.relay.catalog import Catalogue, CatalogueEntry, CatalogueKeeper, read_catalogue
from chat.relay.errors import ModelUnknown, RelayError, RelayProtocol, RelayUnavailable
from chat.relay.failures import error_for_response, retry_after_seconds
from chat.relay.keys import redact
from chat.relay.retry import RetryPolicy, delay_before_retry

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "message", "seconds"),
    [
        ("2", "", 2),
        ("1.5", "Retry after 5 seconds", 1.5),
        ("Sat, 21 Nov 2026 12:00:30 GMT", "", 30),
        ("Sat, 21 Nov 2026 11:00:00 GMT", "", 0),
        ("soon", "Rate limit exceeded. Retry after 5 seconds", 5),
        ("", "Please try again in 350ms.", 0.35),
        ("", "try again in 2m", 120),
        ("", "Rate limit exceeded", None),
    ],
)
def test_the_wait_asked_for(header: str, message: str, seconds: float | None) -> None:
    assert retry_after_seconds({"retry-after": header}, message, NOW) == pytest.approx(seconds)


def refused(status: int, body: bytes) -> RelayError:
    return error_for_response(status, {}, body, now=NOW, redact=str)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Model 'gpt-4' not found", "model_unknown"),
        ("The model `x` does not exist", "model_unknown"),
        ("Unsupported model: claude-3-opus", "model_unknown"),
        ("Unsupported parameter: 'temperature' for this model", "relay_error"),
        ("This model does not support images", "relay_error"),
    ],
)
def test_an_unknown_model_is_told_from_other_refusals(message: str, code: str) -> None:
    assert refused(400, b'{"error": {"message": "%b"}}' % message.encode()).code == code


def test_no_credit_is_no_reason_to_wait() -> None:
    body = b'{"error": {"message": "quota", "type": "insufficient_quota"}}'
    assert not refused(429, body).retryable
    assert refused(429, b"").retryable


def test_a_key_is_taken_out_whole_or_masked() -> None:
    assert (
        redact("key zz9 and hs_abcd1234 and sk-ab**yz.", "zz9") == "key [key] and [key] and [key]"
    )


def test_delays_stay_within_their_bounds() -> None:
    policy = RetryPolicy(tries=10, waiting_budget_seconds=1000)
    for attempt in range(1, 10):
        delay = delay_before_retry(
            policy, RelayUnavailable(), attempt=attempt, waited_seconds=0, random=lambda: 0.999
        )
        assert delay is not None
        assert delay <= 30
    assert delay_before_retry(
        policy, RelayUnavailable(), attempt=1, waited_seconds=999.9, random=lambda: 0.5
    ) is None  # fmt: skip


CATALOGUE = read_catalogue({"data": [{"id": "gpt-4.1"}, {"id": "gemini-pro"}, {"id": 5}, None]})
ALIASES = {"gpt-4": "gpt-4.1", "gemini-pro": "gemini-1.5-pro", "claude-3-opus": "claude-opus-4"}


def test_a_listed_name_is_never_rewritten() -> None:
    assert CATALOGUE.resolve("gemini-pro", ALIASES) == "gemini-pro"


def test_an_alias_leads_to_a_listed_model_only() -> None:
    assert CATALOGUE.resolve("gpt-4", ALIASES) == "gpt-4.1"
    with pytest.raises(ModelUnknown):
        CATALOGUE.resolve("claude-3-opus", ALIASES)
    with pytest.raises(ModelUnknown):
        CATALOGUE.resolve("gpt-4")


def test_an_alias_of_an_alias_leads_nowhere() -> None:
    with pytest.raises(ModelUnknown):
        CATALOGUE.resolve("a", {"a": "gpt-4", "gpt-4": "gpt-4.1"})


def test_an_unknown_name_names_near_matches() -> None:
    with pytest.raises(ModelUnknown, match=r"Near matches: gpt-4\.1") as caught:
        CATALOGUE.resolve("gpt-4.l")
    assert caught.value.near_matches == ("gpt-4.1",)


def test_near_matches_come_soon_whatever_a_relay_lists() -> None:
    """Each of these compared in full took 5 ms, nearly a minute in all, and nobody else's turn."""
    alike = [CatalogueEntry(f"model-{number:05}-{'x' * 185}", "m") for number in range(9_999)]
    catalogue = Catalogue((*alike, CatalogueEntry("gpt-4.1", "GPT")))
    began = time.process_time()
    with pytest.raises(ModelUnknown) as far:
        catalogue.resolve("model-" + "x" * 190)
    with pytest.raises(ModelUnknown) as near:
        catalogue.resolve("gpt-4.l")
    assert time.process_time() - began < 2.0
    assert near.value.near_matches == ("gpt-4.1",)
    assert set(far.value.near_matches) <= {entry.id for entry in alike}


@pytest.mark.parametrize("document", [None, {}, {"data": {}}, "x"])
def test_what_is_no_list_is_no_catalogue(document: Any) -> None:
    with pytest.raises(RelayProtocol):
        read_catalogue(document)


class Relay:
    """Answers `/models`, counts how often, fails when told."""

    def __init__(self) -> None:
        self.asked = 0
        self.now = 0.0
        self.failing = False
        self.keeper = CatalogueKeeper(self.fetch, 300, lambda: self.now, keep_seconds=900)

    async def fetch(self) -> Any:
        self.asked += 1
        await asyncio.sleep(0.01)
        if self.failing:
            raise RelayUnavailable()
        return {"data": [{"id": f"model-{self.asked}"}]}


async def test_many_who_wait_share_one_request() -> None:
    relay = Relay()
    found = await asyncio.gather(*(relay.keeper.get() for _ in range(20)))
    assert relay.asked == 1
    assert len({id(catalogue) for catalogue in found}) == 1


async def test_a_cancelled_asker_does_not_harm_the_others() -> None:
    relay = Relay()
    tasks = [asyncio.create_task(relay.keeper.get()) for _ in range(3)]
    await asyncio.sleep(0.001)
    tasks[0].cancel()
    await asyncio.gather(tasks[0], return_exceptions=True)
    assert (await tasks[1]).entries == (await tasks[2]).entries


async def test_the_copy_is_kept_for_its_time_and_longer_when_the_relay_fails() -> None:
    relay = Relay()
    first = await relay.keeper.get()
    relay.now = 299
    assert await relay.keeper.get() is first
    relay.now, relay.failing = 301, True
    old = await relay.keeper.get()
    assert old.entries == first.entries
    assert isinstance(old.error, RelayUnavailable)
    await relay.keeper.get()
    assert relay.asked == 2  # the failing relay is left alone for a while
    with pytest.raises(RelayUnavailable):
        await relay.keeper.get(fresh=True)
    relay.now, relay.failing = 310, False
    assert (await relay.keeper.get()).error is None


async def test_without_a_copy_the_failure_is_raised() -> None:
    relay = Relay()
    relay.failing = True
    with pytest.raises(RelayUnavailable):
        await relay.keeper.get()


async def test_the_list_of_a_failing_relay_is_believed_for_a_bounded_time() -> None:
    relay = Relay()
    await relay.keeper.get()
    relay.failing, relay.now = True, 890
    assert (await relay.keeper.get()).entries == relay.keeper.copy().entries  # type: ignore[union-attr]
    relay.now = 900
    assert relay.keeper.copy() is None
    with pytest.raises(RelayUnavailable):
        await relay.keeper.get()
    relay.failing, relay.now = False, 910
    assert (await relay.keeper.get()).error is None
    assert relay.keeper.copy() is not None


async def test_a_list_that_nobody_asked_for_again_is_kept_until_somebody_does() -> None:
    relay = Relay()
    await relay.keeper.get()
    relay.now = 100_000
    assert relay.keeper.copy() is not None
    assert relay.keeper.due_in_seconds() == 0
