"""The page, the probes, and what is shown instead of a page."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.template.loader import render_to_string
from django.test import AsyncClient, Client
from django.utils import timezone

from accounts.models import User
from chat.models import Conversation
from chat.relay.client import RelayClient
from chat.relay.demo import DemoRelay
from chat.relay.settings import RelaySettings
from chat.turns.relays import directory
from chat.views import probes
from chat.views.catalogue import catalogue
from tests.chat import trees
from tests.people import Cast


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def data_of(response: Any, name: str) -> Any:
    page = response.content.decode()
    found = re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', page)
    assert found is not None
    return json.loads(found[1])


def test_a_new_chat_knows_who_is_there(people: Cast) -> None:
    response = signed_in(people.bob).get("/")
    assert response.status_code == 200
    boot = data_of(response, "boot")
    assert boot["user"]["name"] == "bob"
    assert boot["team"] == {"id": str(people.team.pk), "name": "Team of Alice", "role": "member"}
    assert boot["conversation"] is None
    assert boot["limits"]["message_characters"] == 200_000
    assert data_of(response, "catalogue") == {}
    assert "no-store" in response["Cache-Control"]


def test_a_conversation_opens_for_its_team_only(people: Cast) -> None:
    title = "</script><script>alert(1)</script>"
    ours = trees.conversation(people.team, people.alice, title)
    response = signed_in(people.dana).get(f"/c/{ours.pk}/")
    assert response.status_code == 200
    assert data_of(response, "boot")["conversation"] == str(ours.pk)
    assert title.encode() not in response.content
    for absent in (ours.pk, uuid4()):
        refused = signed_in(people.charlie).get(f"/c/{absent}/")
        assert refused.status_code == 404
        assert b"There is no such page" in refused.content
    Conversation.objects.filter(pk=ours.pk).update(deleted_at=timezone.now())
    assert signed_in(people.alice).get(f"/c/{ours.pk}/").status_code == 404


@pytest.mark.parametrize("path", ["/", "/c/00000000-0000-0000-0000-000000000000/"])
def test_nobody_is_sent_to_sign_in_and_comes_back(people: Cast, path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 302
    assert response["Location"] == f"/accounts/login/?next={path}"


@pytest.mark.parametrize("path", ["/", "/health", "/ready"])
def test_pages_and_probes_are_only_read(people: Cast, path: str) -> None:
    assert signed_in(people.alice).post(path).status_code == 405


@pytest.mark.parametrize("language", ["en", "vi", "zh-hans"])
def test_a_catalogue_maps_text_to_text(language: str) -> None:
    assert all(isinstance(text, str) and text for text in catalogue(language).values())


@pytest.mark.parametrize("template", ["404.html", "403.html", "403_csrf.html", "500.html"])
def test_a_failure_page_is_drawn_without_a_request(template: str) -> None:
    assert "<h1>" in render_to_string(template)


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    probes.forget()
    yield
    probes.forget()


@pytest.fixture
async def relay(settings: Any) -> AsyncIterator[DemoRelay]:
    async with DemoRelay(port=0) as relay:
        settings.RELAY = replace(
            settings.RELAY,
            api_key="",
            embedded=(f"demo={relay.base_url}", "gone=http://127.0.0.1:1/v1"),
            embedded_key="hs_demo",
            max_retries=0,
        )
        yield relay
        await directory().aclose()


async def test_health_asks_the_relays_and_counts_their_models(relay: DemoRelay) -> None:
    response = await AsyncClient().get("/health")
    assert response.status_code == 200
    report = response.json()
    assert report["status"] == "healthy"
    assert report["models_available"] >= 4
    assert report["relays"] == {"demo": "healthy", "gone": "relay_unavailable"}


async def test_a_relay_is_as_well_as_the_best_of_its_keys(
    relay: DemoRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def client(key: str) -> RelayClient:
        named = RelaySettings(name="two", base_url=relay.base_url, api_key=key, key_label=key)
        return RelayClient(named)

    clients = (client("hs_demo"), client("hs_refused"))
    monkeypatch.setattr("chat.views.probes.directory", lambda: SimpleNamespace(clients=clients))
    response = await AsyncClient().get("/health")
    for each in clients:
        await each.aclose()
    assert response.status_code == 200
    assert response.json()["relays"] == {"two": "healthy"}


async def test_health_is_503_when_the_relay_went_away_even_with_a_copy_of_its_list(
    relay: DemoRelay,
) -> None:
    await directory().offers()
    await relay.aclose()
    response = await AsyncClient().get("/health")
    assert response.status_code == 503
    assert response.json()["status"] == "unhealthy"
    assert response.json()["models_available"] == 0


async def test_health_keeps_its_answer_for_some_seconds(relay: DemoRelay) -> None:
    first = await AsyncClient().get("/health")
    await relay.aclose()
    assert (await AsyncClient().get("/health")).json() == first.json()


@pytest.mark.django_db(transaction=True)
async def test_ready_needs_the_database() -> None:
    response = await AsyncClient().get("/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ready"})
