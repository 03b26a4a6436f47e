"""The pages of API keys: made, shown once, bounded, revoked; refused with what was typed kept."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.models import APIKey, User
from accounts.services.keys import create_api_key, new_prefix
from accounts.services.principals import principal_for_api_key
from billing.api_keys import KeyBudget, KeyWish, budget_of_key, make_key
from billing.models import Limit, Period
from billing.money import usd_to_nano
from chat.models import Turn
from chat.queries.key_use import use_of_keys
from tests.billing.conftest import set_prices
from tests.chat.admitting import MODEL, finish, send
from tests.people import Cast

FORBIDDEN = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>|\son\w+=|\sstyle=|<style|javascript:")
SECRET = re.compile(r"tram_[0-9a-f]{10}_[0-9a-f]{64}")


@pytest.fixture(autouse=True)
def _priced_and_without_a_relay(people: Cast, without_relay: None) -> None:
    cache.clear()
    set_prices(MODEL, "8")
    set_prices("o3", "8")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text_of(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status
    text: str = answer.content.decode()
    assert not FORBIDDEN.search(text)
    assert "no-store" in answer["Cache-Control"]
    return text.replace("\N{NO-BREAK SPACE}", " ")


def form(people: Cast, **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "once": new_prefix(),
        "name": "robot",
        "team": str(people.team.pk),
        "reach": "all",
    }
    given |= {"amount": "2.50", "period": "week", "expires_on": "", "scopes": ["send_message"]}
    return given | changes


def test_a_key_is_made_and_shown_once(people: Cast) -> None:
    bob = signed_in(people.bob)
    assert "You have no key" in text_of(bob.get("/keys/"))
    text_of(bob.get("/keys/new/"))
    day = (datetime.now(UTC) + timedelta(days=9)).date()
    wanted = form(people, reach="some", models=["o3"], expires_on=day.isoformat())
    answer = bob.post("/keys/new/", wanted)
    made = text_of(answer)
    secrets = set(SECRET.findall(made))
    assert len(secrets) == 1
    secret = secrets.pop()
    for words in ("http://testserver/v1", "Bearer $TRAM_API_KEY", "&quot;o3&quot;", "max_tokens="):
        assert words in made
    principal = principal_for_api_key(secret)
    assert principal is not None
    assert (principal.team_id, principal.models) == (people.team.pk, frozenset({"o3"}))
    key = APIKey.objects.get()
    assert budget_of_key(key) == KeyBudget(usd_to_nano("2.50"), Period.WEEK)
    assert key.expires_at == datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    assert secret not in str(dict(bob.session)) + str(answer.headers) + str(bob.cookies)
    shown = text_of(bob.get("/keys/"))
    assert f"tram_{key.prefix}_…" in shown
    assert "USD 0.00 of USD 2.50 used, USD 2.50 left" in shown
    assert f"{day:%m/%d/%Y} (UTC)" in shown
    assert not SECRET.search(shown)
    # Sent again, as by a reload: no second key, and nothing is shown.
    again = bob.post("/keys/new/", wanted, follow=True)
    assert "made already, and it is shown only once" in text_of(again)
    assert not SECRET.search(again.content.decode())
    assert APIKey.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"name": ""}, "name", "This field is required."),
        ({"name": "x" * 121}, "name", "at most 120 characters"),
        ({"amount": "-1"}, "amount", "A limit is not negative."),
        ({"amount": "much"}, "amount", "is not an amount"),
        ({"amount": "1000000001"}, "amount", "at most"),
        ({"period": "year"}, "period", "Select a valid choice"),
        ({"reach": "some"}, "models", "Choose one model at least"),
        ({"reach": "some", "models": ["gone"]}, "models", "gone is no model of this site"),
        ({"expires_on": "2020-01-01"}, "expires_on", "This day is over."),
        ({"expires_on": "9999-12-31"}, "expires_on", "Choose an earlier day"),
        ({"expires_on": "soon"}, "expires_on", "Enter a valid date."),
        ({"scopes": []}, "scopes", "one thing at least"),
        ({"scopes": ["manage_team"]}, "scopes", "Select a valid choice"),
        ({"team": "00000000-0000-0000-0000-000000000001"}, "team", "Select a valid choice"),
    ],
)
def test_bad_input_is_told_beside_its_field_and_what_was_typed_stays(
    people: Cast, changes: dict[str, Any], field: str, said: str
) -> None:
    wanted = form(people) | changes
    shown = text_of(signed_in(people.bob).post("/keys/new/", wanted), 400)
    assert said in shown
    assert f'<a href="#id_{field}">' in shown
    kept = {"name": "robot", "amount": "2.50"} | changes
    for name in ("name", "amount", "expires_on"):
        if kept.get(name):
            assert f'value="{kept[name]}"' in shown
    assert f'value="{wanted["once"]}"' in shown
    assert not APIKey.objects.exists()


def test_who_may_make_no_keys_sees_no_form(people: Cast) -> None:
    key = create_api_key(people.bob, people.team, "program")
    program = Client(headers={"authorization": f"Bearer {key.secret}"})
    for path in ("/keys/", "/keys/new/", f"/keys/{key.key.pk}/revoke/"):
        assert Client().get(path).status_code == 302
        assert program.get(path).status_code == 403
        assert program.post(path).status_code in (403, 405)
    # Dana views the team, and owns her personal one.
    dana = signed_in(people.dana)
    shown = text_of(dana.get("/keys/new/"))
    assert str(people.team.pk) not in shown
    assert "Select a valid choice" in text_of(dana.post("/keys/new/", form(people)), 400)


def test_the_bound_on_keys_is_told_and_nothing_is_lost(people: Cast, settings: Any) -> None:
    settings.LIMITS = replace(settings.LIMITS, max_api_keys_per_person=1)
    create_api_key(people.bob, people.team, "first")
    shown = text_of(signed_in(people.bob).post("/keys/new/", form(people)), 400)
    assert "You have 1 key already" in shown
    assert 'value="robot"' in shown


def test_a_budget_is_changed_and_bad_amounts_are_told(people: Cast) -> None:
    wish = KeyWish("robot", budget=KeyBudget(usd_to_nano("1")))
    key = make_key(people.bob, people.team, wish).key
    bob, path = signed_in(people.bob), reverse("key_budget", args=[key.pk])
    assert 'value="1"' in text_of(bob.get(path))
    refused = text_of(bob.post(path, {"amount": "1,5x", "period": "month"}), 400)
    assert 'value="1,5x"' in refused
    assert bob.post(path, {"amount": "3", "period": "month"}).status_code == 302
    assert budget_of_key(key) == KeyBudget(usd_to_nano("3"))
    Limit.objects.update(created_by=people.alice)
    refused = text_of(bob.post(path, {"amount": "9", "period": "month"}), 400)
    assert "Somebody else has set a budget of this period" in refused
    for stranger in (people.alice, people.dana, people.charlie):
        assert signed_in(stranger).get(path).status_code == 404
        assert signed_in(stranger).post(path, {"amount": "9"}).status_code == 404


def test_what_a_key_used_of_late_is_told_where_it_is_listed(people: Cast) -> None:
    made = make_key(people.bob, people.team, KeyWish("robot", budget=KeyBudget(usd_to_nano("1"))))
    program = principal_for_api_key(made.secret)
    assert program is not None
    for _ in range(3):
        finish(send(program))
    running, old = send(program), send(program)
    finish(old)
    Turn.objects.filter(pk=old.turn_id).update(created_at="2026-01-01T00:00Z")
    used = use_of_keys([made.key.pk])[made.key.pk]
    ended = Turn.objects.exclude(pk__in=(running.turn_id, old.turn_id))
    assert used.turns == 3
    assert used.cost_nano_usd == sum(ended.values_list("cost_nano_usd", flat=True)) > 0
    assert "3 answers, USD 0.00" in text_of(signed_in(people.bob).get("/keys/"))
    assert "3 answers" in text_of(
        signed_in(people.alice).get(reverse("team_keys", args=[people.team.pk]))
    )


def test_a_key_is_revoked_after_a_question(people: Cast) -> None:
    made = create_api_key(people.bob, people.team, "robot")
    bob, path = signed_in(people.bob), reverse("key_revoke", args=[made.key.pk])
    assert "It was never used." in text_of(bob.get(path))
    assert principal_for_api_key(made.secret) is not None
    assert signed_in(people.charlie).post(path).status_code == 404
    assert signed_in(people.dana).post(path).status_code == 404
    answer = bob.post(path)
    assert (answer.status_code, answer["Location"]) == (302, "/keys/")
    (said,) = get_messages(answer.wsgi_request)
    assert "opens nothing any more" in str(said)
    assert principal_for_api_key(made.secret) is None
    assert "revoked already" in text_of(bob.get(path))
    assert bob.post(path).status_code == 302
    gone = bob.get(reverse("key_budget", args=[made.key.pk]), follow=True)
    assert "Make a new one" in text_of(gone)


def test_who_manages_a_team_sees_and_revokes_its_keys_and_nobody_else(people: Cast) -> None:
    key = create_api_key(people.bob, people.team, "of Bob", model_names=["o3"]).key
    path = reverse("team_keys", args=[people.team.pk])
    alice = signed_in(people.alice)
    assert path in text_of(alice.get("/keys/"))
    shown = text_of(alice.get(path))
    assert "of Bob" in shown
    assert reverse("key_budget", args=[key.pk]) not in shown
    assert path not in text_of(signed_in(people.bob).get("/keys/"))
    for stranger, status in ((people.bob, 403), (people.dana, 403), (people.charlie, 404)):
        assert signed_in(stranger).get(path).status_code == status
    other = create_api_key(people.alice, people.team, "of Alice").key
    answer = alice.post(reverse("key_revoke", args=[key.pk]))
    assert answer["Location"] == path
    shown = text_of(alice.get(path, {"page": "nonsense"}))
    assert shown.index(f'"key-{other.pk}"') < shown.index(f'"key-{key.pk}"')
    key.refresh_from_db()
    assert key.revoked_at is not None
