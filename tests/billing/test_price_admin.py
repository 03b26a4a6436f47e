"""Prices and markups in the administration: added, tried, exported and imported; never edited."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Team, User
from billing.markups import markup_of
from billing.models import Markup, PriceVersion
from billing.money import usd_to_nano
from billing.prices import NewPrice, price_of, set_price
from tests.billing.conftest import MODEL, give, hold_for, settle_as

LIST = "admin:billing_priceversion_changelist"
IMPORT = "admin:billing_priceversion_import"
TRIAL = "admin:billing_priceversion_trial"


@pytest.fixture
def admin(alice: User) -> Client:
    """Alice, who may do everything here."""
    alice.is_staff = alice.is_superuser = True
    alice.save()
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def usage(team: Team, bob: User, priced: str) -> Team:
    """A settled turn for USD 0.0024."""
    give(team, "1")
    hold_for(team, bob, "turn:1")
    settle_as("turn:1", 100, 200)
    return team


def text(response: Any) -> str:
    assert response.status_code == 200
    return response.content.decode().replace("\xa0", " ")  # type: ignore[no-any-return]


def upload(*lines: str) -> dict[str, Any]:
    body = "\n".join(("model,input_usd,output_usd", *lines)).encode()
    return {"file": SimpleUploadedFile("prices.csv", body)}


def test_a_markup_is_written_in_percent_and_never_edited(
    admin: Client, team: Team, alice: User
) -> None:
    add = reverse("admin:billing_markup_add")
    form = {"team": team.pk, "basis_points": "12.5", "starts_at_0": "", "starts_at_1": ""}
    assert admin.post(add, form).status_code == 302
    made = Markup.objects.get()
    assert (made.basis_points, made.created_by, markup_of(team.pk)) == (1250, alice, 1250)
    assert admin.post(add, form | {"team": "", "basis_points": "-3"}).status_code == 302
    shown = text(admin.get(reverse("admin:billing_markup_changelist")))
    assert all(words in shown for words in ("12.5", "All teams", "never edited"))
    change = reverse("admin:billing_markup_change", args=[made.pk])
    assert admin.post(change, form).status_code == 403
    exported = admin.get(reverse("admin:billing_markup_export")).content.decode()
    assert "12.5" in exported


@pytest.mark.parametrize(
    ("percent", "reason"),
    [("12.505", "two decimal places"), ("-101", "between"), ("much", "not a percentage"), ("", "")],
)
def test_a_markup_that_makes_no_sense_is_refused(admin: Client, percent: str, reason: str) -> None:
    form = {"basis_points": percent, "starts_at_0": "", "starts_at_1": ""}
    assert reason in text(admin.post(reverse("admin:billing_markup_add"), form))
    assert not Markup.objects.exists()


def test_prices_of_reasoning_and_images_are_set_and_shown_once_there_are_any(
    admin: Client, priced: str
) -> None:
    assert "column-reasoning" not in text(admin.get(reverse(LIST)))
    form = {
        "model": "new",
        "input_nano_usd_per_million": "1",
        "output_nano_usd_per_million": "2",
        "reasoning_nano_usd_per_million": "3",
        "image_nano_usd": "0.04",
        "starts_at_0": "",
        "starts_at_1": "",
    }
    assert admin.post(reverse("admin:billing_priceversion_add"), form).status_code == 302
    assert price_of("new").reasoning_nano_usd_per_million == usd_to_nano("3")
    assert price_of("new").image_nano_usd == usd_to_nano("0.04")
    shown = text(admin.get(reverse(LIST)))
    assert "column-reasoning" in shown
    assert "column-cached" not in shown


def test_a_new_price_is_tried_from_its_form_and_not_saved(admin: Client, usage: Team) -> None:
    assert reverse(TRIAL) in text(admin.get(reverse("admin:billing_priceversion_add")))
    form = {
        "model": MODEL,
        "input_nano_usd_per_million": "4",
        "output_nano_usd_per_million": "4",
        "starts_at_0": "",
    }
    shown = text(admin.post(reverse(TRIAL), form))
    assert all(words in shown for words in ("USD 0.0024", "USD 0.0012", "−USD 0.0012", "-50.0 %"))
    assert "?model=gpt-4.1&amp;input_nano_usd_per_million=4" in shown
    assert PriceVersion.objects.count() == 1
    dearer = form | {"markup": "100", "team": usage.pk}
    assert "0.0 %" in text(admin.post(reverse(TRIAL), dearer))
    wrong = text(admin.post(reverse(TRIAL), form | {"model": "", "first": "2199-01-01"}))
    assert "one model" in wrong
    half = text(admin.post(reverse(TRIAL), {"model": MODEL, "input_nano_usd_per_million": "4"}))
    assert "an input and an output" in half
    assert "Compute" in text(admin.get(reverse(TRIAL)))


def test_the_export_is_a_price_book_of_what_the_filters_show(admin: Client, priced: str) -> None:
    set_price("new", NewPrice(1, 1), datetime(2026, 1, 1, tzinfo=UTC))
    response = admin.get(reverse("admin:billing_priceversion_export"), {"model": "new"})
    assert text(response).splitlines()[1:] == [
        "new,0.000000001,0.000000001,,,,,,2026-01-01T00:00:00Z"
    ]


def test_an_import_is_shown_first_and_added_when_confirmed(
    admin: Client, priced: str, alice: User
) -> None:
    set_price("same", NewPrice(usd_to_nano("3"), usd_to_nano("4")))
    shown = text(admin.post(reverse(IMPORT), upload("new,1,2", 'same,3.00,"4"')))
    assert "1 price would be added; 1 say" in shown
    assert PriceVersion.objects.count() == 2
    held = "model,input_usd,output_usd\r\nnew,1,2\r\n"
    assert held.splitlines()[1] in shown
    said = admin.post(reverse(IMPORT), {"text": held, "confirm": "1"}, follow=True)
    assert "1 price added." in text(said)
    assert PriceVersion.objects.get(model="new").created_by == alice
    assert "0 prices would be added" in text(admin.post(reverse(IMPORT), upload("new,1,2")))


def test_a_wrong_line_of_an_import_is_named_and_nothing_added(admin: Client) -> None:
    shown = text(admin.post(reverse(IMPORT), upload("new,1,2", "bad,x,1")))
    assert "3: " in shown
    assert "not an amount" in shown
    confirmed = {"text": "model,input_usd,output_usd\nnew,1,2\nbad,x,1", "confirm": "1"}
    assert "not an amount" in text(admin.post(reverse(IMPORT), confirmed))
    assert "Choose a file" in text(admin.post(reverse(IMPORT), {}))
    assert not PriceVersion.objects.exists()


def test_who_may_only_look_may_not_import(bob: User, priced: str) -> None:
    bob.is_staff = True
    bob.save()
    bob.user_permissions.add(Permission.objects.get(codename="view_priceversion"))
    client = Client()
    client.force_login(bob)
    assert client.get(reverse(LIST)).status_code == 200
    for name in (IMPORT, TRIAL):
        assert client.get(reverse(name)).status_code == 403
    bob.user_permissions.add(Permission.objects.get(codename="view_settlement"))
    assert client.get(reverse(TRIAL)).status_code == 200


def test_a_price_by_default_says_so(admin: Client, db: None) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    figures = {"input_nano_usd_per_million": 1, "output_nano_usd_per_million": 1}
    PriceVersion.objects.create(model="new", from_default=True, starts_at=moment, **figures)
    assert "the default price" in text(admin.get(reverse(LIST)))
