"""The admin's page that checks relays."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.core.cache import cache
from django.test import AsyncClient
from django.utils.translation import override

from accounts.models import AuditEntry
from accounts.services.people import set_standing
from chat.admin import relay_checks
from chat.admin.relay_checks import _in_words
from chat.relay.check import CheckStep
from chat.relay.demo import DemoRelay
from tests import people
from tests.people import Cast

PAGE = "/admin/chat/relay/check/"
AS_LINES = {"accept": "application/x-ndjson"}
CANARY_KEY = "hs_canary0123456789SECRET"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def cast() -> Cast:
    return await sync_to_async(people.cast)()


@pytest.fixture
async def relay(settings: Any) -> AsyncIterator[DemoRelay]:
    cache.clear()
    async with DemoRelay(tokens_per_second=None, first_token_seconds=0.0) as running:
        settings.RELAY = replace(
            django_settings.RELAY, api_key="", embedded=(f"demo={running.base_url}",)
        )
        yield running


async def client_of(person: Any) -> AsyncClient:
    client = AsyncClient()
    await client.aforce_login(person)
    return client


async def body_of(response: Any) -> str:
    assert response.status_code == 200, response.status_code
    return b"".join([piece async for piece in response]).decode()


async def lines_of(response: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (await body_of(response)).splitlines()]


async def test_each_step_is_a_line_and_the_last_one_says_whether_it_can_be_used(
    cast: Cast, relay: DemoRelay
) -> None:
    client = await client_of(cast.alice)
    asked = {"relay": "environment:demo", "answers": "on", "model": "gpt-4.1"}
    response = await client.post(PAGE, asked, headers=AS_LINES)
    assert response["X-Accel-Buffering"] == "no"
    *steps, end = await lines_of(response)
    assert [step["title"] for step in steps] == [
        "Address",
        "Reachable",
        "Key",
        "Models",
        "Answer by SSE",
        "Answer by WebSocket",
        "Usage",
    ]
    assert {step["status"] for step in steps} == {"ok"}
    assert end == {"usable": True, "sentence": "This relay can be used."}
    assert {request.model for request in relay.requests} == {"gpt-4.1"}


async def test_without_script_the_same_form_gives_a_whole_page(
    cast: Cast, relay: DemoRelay
) -> None:
    client = await client_of(cast.alice)
    page = await body_of(await client.post(PAGE, {"relay": "environment:demo"}))
    table = page.partition('<table class="steps">')[2].partition("</table>")[0]
    assert table.count("<tr") == 8
    assert "Models: 15, such as" in page
    assert "Not tried, as asked." in page
    assert "This relay can be used." in page
    assert page.rstrip().endswith("</html>")
    assert relay.requests == (), "without the box nothing is generated"


async def test_a_refused_key_is_told_and_never_shown(
    cast: Cast, relay: DemoRelay, settings: Any
) -> None:
    settings.RELAY = replace(settings.RELAY, embedded_key=CANARY_KEY)
    client = await client_of(cast.alice)
    asked = {"relay": "environment:demo", "answers": "on"}
    page = await body_of(await client.post(PAGE, asked))
    lines = await body_of(await client.post(PAGE, asked, headers=AS_LINES))
    for told in (page, lines):
        assert "The relay refuses the key." in told.replace("&#x27;", "'")
        assert "canary" not in told
    assert json.loads(lines.splitlines()[-1])["usable"] is False
    assert "canary" not in str([entry async for entry in AuditEntry.objects.values()])


async def test_it_speaks_the_language_of_the_person(cast: Cast, relay: DemoRelay) -> None:
    client = await client_of(cast.alice)
    spoken = AS_LINES | {"accept-language": "vi"}
    *_, end = await lines_of(await client.post(PAGE, {"relay": "environment:demo"}, headers=spoken))
    assert end["usable"] is True
    assert end["sentence"] != "This relay can be used."


def test_it_writes_numbers_as_the_language_does() -> None:
    step = CheckStep("usage", "ok", "usage_ok", {"used": 44, "granted": 10_000_000}, "", 1)
    numbers = {"vi": "10.000.000", "zh-hans": "10,000,000", "en": "10,000,000"}
    for language, written in numbers.items():
        with override(language):
            assert written in _in_words(step)["sentence"]


async def test_a_check_is_written_to_the_audit_log(cast: Cast, relay: DemoRelay) -> None:
    client = await client_of(cast.alice)
    await lines_of(await client.post(PAGE, {"relay": "environment:demo"}, headers=AS_LINES))
    entry = await AuditEntry.objects.aget(action="relay_checked")
    assert (entry.actor, entry.object_kind, entry.object_name) == ("alice", "chat.relay", "demo")
    assert entry.detail == {"answers": "False", "model": ""}


async def test_a_model_that_no_table_stores_is_noted_readably(cast: Cast, relay: DemoRelay) -> None:
    client = await client_of(cast.alice)
    asked = {"relay": "environment:demo", "model": "a\0b"}
    await lines_of(await client.post(PAGE, asked, headers=AS_LINES))
    entry = await AuditEntry.objects.aget(action="relay_checked")
    assert entry.detail["model"] == "a\ufffdb"


async def test_one_check_of_a_relay_at_a_time(cast: Cast, relay: DemoRelay) -> None:
    client = await client_of(cast.alice)
    asked = {"relay": "environment:demo"}
    running = await client.post(PAGE, asked, headers=AS_LINES)
    for headers in (AS_LINES, {}):
        second: Any = await client.post(PAGE, asked, headers=headers)
        assert second.status_code == 429
        assert "demo is being checked already" in second.content.decode()
    assert (await lines_of(running))[-1]["usable"] is True
    again = await client.post(PAGE, asked, headers=AS_LINES)
    assert (await lines_of(again))[-1]["usable"] is True


async def test_whoever_leaves_ends_the_check(cast: Cast, relay: DemoRelay) -> None:
    client = await client_of(cast.alice)
    asked = {"relay": "environment:demo", "answers": "on", "model": "fault-silent"}
    response: Any = await client.post(PAGE, asked, headers=AS_LINES)
    reader = asyncio.create_task(lines_of(response))
    async with asyncio.timeout(5):
        while not relay.log.open_records:
            await asyncio.sleep(0.01)
    reader.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reader
    await relay.until_quiet()
    assert await cache.aadd("relay-check:" + b"environment:demo".hex(), 1)


async def test_it_is_for_administrators(cast: Cast, relay: DemoRelay) -> None:
    await sync_to_async(set_standing)(cast.bob, is_active=True, is_staff=True, is_superuser=False)
    bob, charlie = await client_of(cast.bob), await client_of(cast.charlie)
    asked = {"relay": "environment:demo", "answers": "on"}
    for response in (await bob.get(PAGE), await bob.post(PAGE, asked)):
        assert response.status_code == 403
    assert (await charlie.post(PAGE, asked)).status_code == 302
    assert (await AsyncClient().post(PAGE, asked)).status_code == 302
    assert relay.requests == ()


async def test_a_form_without_its_token_is_refused(cast: Cast, relay: DemoRelay) -> None:
    client = AsyncClient(enforce_csrf_checks=True)
    await client.aforce_login(cast.alice)
    response = await client.post(PAGE, {"relay": "environment:demo"})
    assert response.status_code == 403


async def test_an_unknown_relay_is_not_found(cast: Cast, relay: DemoRelay) -> None:
    client = await client_of(cast.alice)
    for chosen in ("environment:nobody", "key:7", "", "\0"):
        assert (await client.post(PAGE, {"relay": chosen})).status_code == 404


async def test_the_page_lists_what_can_be_checked_and_costs_nothing(
    cast: Cast, relay: DemoRelay
) -> None:
    client = await client_of(cast.alice)
    page: Any = await client.get(PAGE)
    assert 'value="environment:demo"' in page.content.decode()
    assert "at most 16 tokens" in page.content.decode()
    other: Any = await client.get(PAGE, {"name": "other"})
    assert 'value="environment:demo"' not in other.content.decode()
    assert relay.requests == ()
    assert not await AuditEntry.objects.filter(action="relay_checked").aexists()
    assert relay_checks.MARK not in page.content.decode()
