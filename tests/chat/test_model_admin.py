"""Models in the admin: what administrators see in one place, and what they may say."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry, User
from billing.prices import NewPrice, set_price
from chat.models import ModelAlias, ModelSetting
from chat.turns.relays import Offer
from tests.people import Cast

MODELS, ALIASES = "/admin/chat/modelsetting/", "/admin/chat/modelalias/"
OFFERS = (
    Offer("gpt-4.1", "GPT-4.1", "first", False, ("first", "second"), context_tokens=128_000),
    Offer("gpt-4o", "GPT-4o", "first", False, ("first",), vision=True),
)
pytestmark = pytest.mark.django_db


@pytest.fixture
def client(people: Cast) -> Client:
    """Alice administers the installation."""
    client = Client()
    client.force_login(people.alice)
    return client


@pytest.fixture(autouse=True)
def offers(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("model_rows", "model_settings"):
        monkeypatch.setattr(f"chat.admin.{module}.offers_now", lambda: OFFERS)


def rows(client: Client, **query: str) -> dict[str, Any]:
    response: Any = client.get(MODELS, query)
    assert response.status_code == 200
    return {row.model: row for row in response.context["rows"]}


def test_one_page_shows_offers_prices_abilities_and_visibility(client: Client) -> None:
    set_price("gpt-4.1", NewPrice(8_000_000_000, 8_000_000_000))
    set_price("old-model", NewPrice(1, 1))
    ModelSetting.objects.create(model="gpt-4o", name="Omni", visibility="hidden", reasoning=True)
    ModelAlias.objects.update_or_create(alias="gpt-4", defaults={"model": "gpt-4.1"})
    page = client.get(MODELS).content.decode()
    found = rows(client)
    assert list(found) == ["gpt-4.1", "gpt-4o", "old-model"]
    assert found["gpt-4.1"].relay_names == ("first", "second")
    assert "gpt-4" in found["gpt-4.1"].aliases
    assert "first, second" in page
    assert "USD\xa08.00" in page
    assert "128,000 tokens of context" in page
    assert "Omni" in page
    assert "no price yet" in page
    assert "/admin/billing/priceversion/add/?model=gpt-4o" in page
    assert "no relay now" in page
    assert found["gpt-4o"].visibility_label == "Hidden"
    assert found["gpt-4o"].abilities == ("sees pictures", "reasons")


def test_a_model_at_the_default_price_says_so_until_somebody_sets_one(
    client: Client, settings: Any
) -> None:
    settings.DEFAULT_PRICE_USD = "10/30"
    page = client.get(MODELS, {"view": "unpriced", "q": "gpt-4o"}).content.decode()
    assert "the default price" in page
    assert "USD\xa030.00" in page
    set_price("gpt-4o", NewPrice(1, 1))
    assert "the default price" not in client.get(MODELS, {"q": "gpt-4o"}).content.decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"view": "priced"}, ["gpt-4.1", "old-model"]),
        ({"view": "unpriced"}, ["gpt-4o"]),
        ({"view": "kept"}, ["gpt-4o"]),
        ({"view": "gone"}, ["old-model"]),
        ({"view": "nonsense"}, ["gpt-4.1", "gpt-4o", "old-model"]),
        ({"q": "SECOND"}, ["gpt-4.1"]),
        ({"q": "o", "view": "unpriced"}, ["gpt-4o"]),
        ({"q": "nothing"}, []),
    ],
)
def test_the_page_can_be_narrowed(client: Client, query: dict[str, str], found: list[str]) -> None:
    set_price("gpt-4.1", NewPrice(1, 1))
    set_price("old-model", NewPrice(1, 1))
    ModelSetting.objects.create(model="gpt-4o", visibility="forbidden")
    assert list(rows(client, **query)) == found


def test_the_page_opens_while_no_relay_answers(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.admin.model_settings.offers_now", lambda: None)
    set_price("gpt-4.1", NewPrice(1, 1))
    assert "No relay answers just now" in client.get(MODELS).content.decode()
    assert list(rows(client)) == ["gpt-4.1"]


@pytest.mark.parametrize("path", [MODELS, ALIASES, MODELS + "add/", ALIASES + "add/"])
def test_only_administrators_see_and_say_anything(people: Cast, path: str) -> None:
    for name, status in (("alice", 200), ("bob", 403), ("charlie", 302)):
        person: User = getattr(people, name)
        person.is_staff = name != "charlie"
        person.save()
        client = Client()
        client.force_login(person)
        assert client.get(path).status_code == status, name


def test_a_setting_is_stored_recorded_and_told(
    client: Client, people: Cast, django_capture_on_commit_callbacks: Any
) -> None:
    form = {"model": "gpt-4o", "name": "Omni", "visibility": "hidden", "vision": "False"}
    with django_capture_on_commit_callbacks() as callbacks:
        assert client.post(MODELS + "add/", form).status_code == 302
    setting = ModelSetting.objects.get(model="gpt-4o")
    assert (setting.name, setting.visibility, setting.vision) == ("Omni", "hidden", False)
    assert (setting.reasoning, setting.context_tokens) == (None, None)
    assert [callback.__name__ for callback in callbacks] == ["relays_changed"]
    entry = AuditEntry.objects.get(action="model_setting_added")
    assert (entry.actor, entry.object_name) == ("alice", "gpt-4o")
    assert entry.detail["visibility"] == "hidden"
    changed = {**form, "model": "another", "visibility": "forbidden", "context_tokens": "4096"}
    assert client.post(f"{MODELS}{setting.pk}/change/", changed).status_code == 302
    setting.refresh_from_db()
    assert (setting.model, setting.visibility) == ("gpt-4o", "forbidden")
    assert AuditEntry.objects.get(action="model_setting_changed").detail == {
        "visibility": "forbidden",
        "context_tokens": "4096",
    }
    assert client.post(f"{MODELS}{setting.pk}/delete/", {"post": "yes"}).status_code == 302
    assert AuditEntry.objects.filter(action="model_setting_deleted").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": ""},
        {"model": "a\u202eb"},
        {"model": "m" * 201},
        {"visibility": "secret"},
        {"context_tokens": "10"},
        {"context_tokens": str(10**12)},
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(client: Client, wrong: dict[str, str]) -> None:
    form = {"model": "gpt-4o", "visibility": "shown"} | wrong
    assert client.post(MODELS + "add/", form).status_code == 200
    assert not ModelSetting.objects.exists()


def test_an_alias_leads_to_a_model_and_never_to_an_alias(client: Client) -> None:
    ModelAlias.objects.all().delete()
    assert client.post(ALIASES + "add/", {"alias": "best", "model": "gpt-4.1"}).status_code == 302
    assert AuditEntry.objects.get(action="model_alias_added").object_name == "best → gpt-4.1"
    for alias, model in (("top", "best"), ("gpt-4.1", "x"), ("self", "self"), ("best", "y")):
        answer = client.post(ALIASES + "add/", {"alias": alias, "model": model})
        assert answer.status_code == 200, alias
    assert [row.alias for row in ModelAlias.objects.all()] == ["best"]
    row = ModelAlias.objects.get()
    answer = client.post(f"{ALIASES}{row.pk}/change/", {"alias": "best", "model": "gpt-4o"})
    assert answer.status_code == 302
    row.refresh_from_db()
    assert row.model == "gpt-4o"


def test_the_list_of_aliases_says_where_each_leads(client: Client) -> None:
    ModelAlias.objects.all().delete()
    for alias, model in (("best", "gpt-4.1"), ("gpt-4o", "gpt-4.1"), ("lost", "nowhere")):
        ModelAlias.objects.create(alias=alias, model=model)
    page = client.get(ALIASES).content.decode()
    assert "In use." in page
    assert "Not in use: a relay offers a model of this name." in page
    assert "Leads nowhere: no relay offers the model now." in page


def test_what_a_relay_calls_its_models_is_shown_as_text(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = Offer("<script>x</script>", "<b>bold</b>", "first", False, ("<i>",))
    monkeypatch.setattr("chat.admin.model_settings.offers_now", lambda: (hostile,))
    page = client.get(MODELS).content.decode()
    assert "<script>x" not in page
    assert "<b>bold" not in page
    assert "&lt;b&gt;bold" in page
