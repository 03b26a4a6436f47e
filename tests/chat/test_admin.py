"""Reviewing turns, conversations and messages in the admin."""

import csv
import io
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.services.keys import create_api_key
from billing.prices import NewPrice, set_price
from chat.models import Conversation, Turn
from tests.chat import trees
from tests.people import Cast

TURNS, CONVERSATIONS, MESSAGES = (
    f"/admin/chat/{name}/" for name in ("turn", "conversation", "message")
)


@pytest.fixture
def client(people: Cast) -> Client:
    client = Client()
    client.force_login(people.alice)
    return client


@pytest.fixture
def turns(people: Cast) -> dict[str, Turn]:
    """Two turns of the team, one of strangers."""
    set_price("gpt-4.1", NewPrice(1, 1))
    set_price("deepseek-v3.2", NewPrice(1, 1))
    ours = trees.conversation(people.team, people.alice, "Đường sắt")
    secret = trees.say(ours, "a very private question")
    theirs = trees.conversation(people.other_team, people.charlie, "=1+1")
    return {
        "done": trees.answer(
            ours,
            secret,
            "a very private answer",
            quality="reported",
            cost_nano_usd=873_214,
            prompt_tokens=1234,
        ),
        "failed": trees.answer(
            ours, secret, "", state="failed", error_code="relay_timeout", requester=people.bob
        ),
        "theirs": trees.answer(
            theirs,
            trees.say(theirs, "?"),
            model="deepseek-v3.2",
            error_message="=HYPERLINK(1)",
            state="failed",
        ),
    }


def listed(client: Client, turns: dict[str, Turn], query: dict[str, str]) -> set[str]:
    response: Any = client.get(TURNS, query)
    assert response.status_code == 200
    rows = {turn.pk for turn in response.context["cl"].result_list}
    return {name for name, turn in turns.items() if turn.pk in rows}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, {"done", "failed", "theirs"}),
        ({"q": "bob"}, {"failed"}),
        ({"q": "charlie@example"}, {"theirs"}),
        ({"q": "DEEPSEEK"}, {"theirs"}),
        ({"q": "duong sat"}, {"done", "failed"}),
        ({"q": "nobody"}, set()),
        ({"q": "%"}, set()),
        ({"state__exact": "failed"}, {"failed", "theirs"}),
        ({"quality": "reported"}, {"done"}),
        ({"model": "gpt-4.1"}, {"done", "failed"}),
        ({"day": "today"}, {"done", "failed", "theirs"}),
        ({"day": "yesterday"}, set()),
        ({"day": "2020-02-02"}, set()),
        ({"day": "30", "model": "deepseek-v3.2"}, {"theirs"}),
    ],
)
def test_turns_are_found(
    client: Client, turns: dict[str, Turn], query: dict[str, str], found: set[str]
) -> None:
    assert listed(client, turns, query) == found


def test_turns_are_found_by_their_ids_and_teams(
    client: Client, turns: dict[str, Turn], people: Cast
) -> None:
    done = turns["done"]
    assert listed(client, turns, {"q": str(done.pk)}) == {"done"}
    assert listed(client, turns, {"q": done.subject}) == {"done"}
    assert listed(client, turns, {"q": str(done.assistant_message_id)}) == {"done"}
    assert listed(client, turns, {"q": str(done.conversation_id)}) == {"done", "failed"}
    assert listed(client, turns, {"q": str(uuid4())}) == set()
    assert listed(client, turns, {"team": str(people.other_team.pk)}) == {"theirs"}
    day = f"{done.created_at:%Y-%m-%d}"
    assert listed(client, turns, {"day": day}) == {"done", "failed", "theirs"}
    Turn.objects.filter(pk=done.pk).update(created_at=timezone.now() - timedelta(days=10))
    assert listed(client, turns, {"day": "7"}) == {"failed", "theirs"}


def test_a_turn_shows_its_cost_and_leads_to_the_ledger(
    client: Client, turns: dict[str, Turn]
) -> None:
    page = client.get(f"{TURNS}{turns['done'].pk}/change/").content.decode()
    assert "0.000873214" in page
    assert "1,234 in" in page
    for name in ("settlement", "transfer"):
        address = f"/admin/billing/{name}/?subject=turn%3A{turns['done'].pk}"
        assert address in page
        assert client.get(address).status_code == 200
    assert 'name="_save"' not in page


def test_nothing_is_changed_or_deleted_here(client: Client, turns: dict[str, Turn]) -> None:
    done = turns["done"]
    conversation, message = done.conversation_id, done.assistant_message_id
    for address in (f"{TURNS}{done.pk}", f"{CONVERSATIONS}{conversation}", f"{MESSAGES}{message}"):
        assert client.get(f"{address}/change/").status_code == 200
        assert client.post(f"{address}/change/", {"state": "failed"}).status_code == 403
        assert client.post(f"{address}/delete/", {"post": "yes"}).status_code == 403
    for address in (TURNS, CONVERSATIONS, MESSAGES):
        assert client.get(f"{address}add/").status_code == 403


def test_the_text_of_messages_is_nowhere(client: Client, turns: dict[str, Turn]) -> None:
    done = turns["done"]
    for address in (
        TURNS,
        CONVERSATIONS,
        MESSAGES,
        f"{TURNS}{done.pk}/change/",
        f"{CONVERSATIONS}{done.conversation_id}/change/",
        f"{MESSAGES}{done.assistant_message_id}/change/",
        f"{MESSAGES}?q=private",
        f"{TURNS}export/",
    ):
        response = client.get(address, follow=True)
        page = b"".join(response) if response.streaming else response.content
        assert b"very private" not in page, address


@pytest.mark.parametrize("column", ["content", "reasoning", "search_text"])
def test_the_text_of_messages_cannot_be_guessed_by_filters(
    client: Client, turns: dict[str, Turn], column: str
) -> None:
    for lookup in (column, f"{column}__contains", f"parent__{column}__contains"):
        assert client.get(MESSAGES, {lookup: "private"}).status_code == 400
    assert client.get(TURNS, {f"assistant_message__{column}__contains": "p"}).status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "team=nonsense",
        "day=9999-12-31",
        "day=2026-02-30",
        "model=%00",
        "quality=%00",
        "created_at__year=0",
        "created_at__year=99999999999999999999",
        "id__exact=nonsense",
        "q=%00",
        "p=many",
        "o=x",
    ],
)
@pytest.mark.parametrize("page", ["", "export/"])
def test_an_odd_address_is_no_failure(
    client: Client, turns: dict[str, Turn], page: str, query: str
) -> None:
    for address in (TURNS, CONVERSATIONS):
        assert client.get(f"{address}{page}?{query}").status_code in (200, 302, 400, 404)


@pytest.mark.parametrize("address", [TURNS, CONVERSATIONS, MESSAGES])
def test_lists_are_for_staff(people: Cast, address: str) -> None:
    client = Client()
    client.force_login(people.bob)
    assert client.get(address).status_code == 302
    assert Client().get(address).status_code == 302


def test_an_export_has_what_the_filters_show_and_no_formula(
    client: Client, turns: dict[str, Turn]
) -> None:
    response = client.get(f"{TURNS}export/", {"model": "deepseek-v3.2"})
    assert response.status_code == 200
    (row,) = csv.DictReader(io.StringIO(response.content.decode()))
    assert row["person"] == "charlie"
    assert row["conversation_title"] == "'=1+1"
    assert row["error_message"] == "'=HYPERLINK(1)"
    assert row["cost_usd"] == "0.000000000"


@pytest.mark.parametrize("address", [TURNS, CONVERSATIONS, MESSAGES])
def test_a_longer_list_takes_no_more_queries(client: Client, people: Cast, address: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        return len(captured)

    def grow(count: int) -> None:
        for _ in range(count):
            where = trees.conversation(people.team, people.bob, "one more")
            trees.answer(where, trees.say(where, "?"))

    grow(1)
    client.get(address)
    before = queries()
    grow(12)
    assert queries() == before


def test_what_programs_asked_is_told_apart_with_its_key(
    client: Client, people: Cast, turns: dict[str, Turn]
) -> None:
    key = create_api_key(people.bob, people.team, "nightly script").key
    Turn.objects.filter(pk=turns["done"].pk).update(api_key=key)
    Conversation.objects.filter(pk=turns["done"].conversation_id).update(source="api")

    page = client.get(f"{TURNS}{turns['done'].pk}/change/").content.decode()
    assert "a program: nightly script" in page
    listed = client.get(f"{TURNS}?source=api").context["cl"].queryset
    assert {turn.pk for turn in listed} == {turns["done"].pk, turns["failed"].pk}
    assert client.get(f"{TURNS}?source=batch").context["cl"].queryset.count() == 0
