"""Alerts, attempts and the relays' statistics in the admin: for administrators, and linked."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry
from accounts.policy import Principal
from accounts.services import people as standings
from chat.models import AlertKind, RelayAlert, RouteTruth
from chat.services.alerts import raise_alert
from tests.billing.conftest import set_prices
from tests.chat.admitting import MODEL, send
from tests.chat.relay_attempts import days_ago, stored
from tests.people import Cast

STATISTICS = "/admin/chat/attempt/relays/"
ATTEMPTS = "/admin/chat/attempt/"
ALERTS = "/admin/chat/relayalert/"


@pytest.fixture
def admin(people: Cast) -> Client:
    client = Client()
    client.force_login(people.alice)
    return client


@pytest.fixture
def turn(alice: Principal) -> Any:
    set_prices(MODEL, "8")
    return send(alice).turn_id


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


@pytest.mark.parametrize("address", [STATISTICS, ATTEMPTS, ALERTS])
def test_only_administrators_see_them(people: Cast, admin: Client, address: str) -> None:
    assert admin.get(address).status_code == 200
    standings.set_standing(people.bob, is_active=True, is_staff=True, is_superuser=False)
    for person in (people.bob, people.charlie):
        other = Client()
        other.force_login(person)
        assert other.get(address).status_code in (302, 403)


def test_the_statistics_link_each_number_to_its_attempts(admin: Client, turn: Any) -> None:
    for milliseconds in (100, 200, 1500):
        stored(turn, ttft_ms=milliseconds)
    stored(turn, outcome="failed", error_code="relay_timeout", error_detail="<b>too late</b>")
    stored(turn, relay="antique", at=days_ago(20))
    shown = page(admin, STATISTICS)
    assert ">75.0" in shown or ">75" in shown
    assert "200 ms" in shown
    assert "1.5 s" in shown
    assert "&lt;b&gt;too late&lt;/b&gt;" in shown
    assert "<style" not in shown
    assert 'style="' not in shown
    assert "antique" not in shown
    assert "antique" in page(admin, f"{STATISTICS}?days=30")
    failed = next(part for part in shown.split('"') if "outcome__exact=failed" in part)
    rows = page(admin, failed.replace("&amp;", "&"))
    assert "relay_timeout" in rows
    assert rows.count('class="field-relay') == 1


def test_a_model_that_answers_as_another_or_counts_oddly_stands_out(
    admin: Client, turn: Any
) -> None:
    stored(turn)
    assert 'class="odd"' not in page(admin, STATISTICS)
    stored(turn, model="gpt-4o", echoed_model="gpt-4o-mini", completion_tokens=60)
    shown = page(admin, STATISTICS)
    assert shown.count('class="odd"') == 1
    assert "gpt-4o-mini" in shown
    assert "1.20" in shown


def test_counts_of_a_vocabulary_that_is_not_ours_are_no_oddity(admin: Client, turn: Any) -> None:
    stored(turn, model="smollm2-135m", echoed_model="smollm2-135m", completion_tokens=60)
    assert 'class="odd"' not in page(admin, STATISTICS)
    stored(turn, model="gpt-4o", echoed_model="gpt-4o", completion_tokens=60)
    assert page(admin, STATISTICS).count('class="odd"') == 1


def test_a_ratio_leads_to_the_attempts_that_it_was_made_of(admin: Client, turn: Any) -> None:
    stored(turn)
    stored(turn, quality="estimated")
    stored(turn, counted_completion_tokens=0)
    stored(turn, counted_prompt_tokens=None)
    shown = page(admin, STATISTICS)
    counted = next(part for part in shown.split('"') if "quality__exact=reported" in part)
    rows = page(admin, counted.replace("&amp;", "&"))
    assert rows.count('class="field-relay') == 1


def test_an_odd_period_is_the_usual_one(admin: Client, db: None) -> None:
    for days in ("0", "x", "99999999999999999999"):
        assert admin.get(f"{STATISTICS}?days={days}").status_code == 200


def test_open_alerts_head_the_overview_and_go_when_closed(people: Cast, admin: Client) -> None:
    assert "relay-alerts" not in page(admin, "/admin/")
    raise_alert(AlertKind.USAGE_DRIFT, relay="station", model=MODEL, detail="1.2 <times>")
    raise_alert(AlertKind.KEY_REFUSED, relay="second")
    shown = page(admin, "/admin/")
    assert "2 open alerts about relays" in shown
    assert "1.2 &lt;times&gt;" in shown
    ids = list(RelayAlert.objects.values_list("pk", flat=True))
    answer = admin.post(ALERTS, {"action": "close", "_selected_action": ids}, follow=True)
    assert "2 alerts closed." in answer.content.decode()
    assert "relay-alerts" not in page(admin, "/admin/")
    assert set(RelayAlert.objects.values_list("closed_by", flat=True)) == {people.alice.pk}
    assert AuditEntry.objects.filter(action="relay_alert_closed").count() == 2


def test_open_alerts_are_listed_first_with_their_evidence(admin: Client) -> None:
    raise_alert(AlertKind.OVERRUN, relay="open", detail="the evidence")
    raise_alert(AlertKind.OVERRUN, relay="done")
    done = RelayAlert.objects.get(relay="done")
    admin.post(ALERTS, {"action": "close", "_selected_action": [done.pk]})
    shown = page(admin, ALERTS)
    assert shown.index('-relay">open<') < shown.index('-relay">done<')
    assert "the evidence" in shown
    assert '-relay">done<' not in page(admin, f"{ALERTS}?state=open")
    assert '-relay">open<' not in page(admin, f"{ALERTS}?state=closed")


def test_closing_may_take_the_present_as_expected(admin: Client, turn: Any) -> None:
    stored(turn, echoed_model="house-model")
    raise_alert(AlertKind.MODEL_SWAPPED, relay="station", model=MODEL)
    row = RelayAlert.objects.get()
    admin.post(ALERTS, {"action": "close_and_learn", "_selected_action": [row.pk]})
    assert "house-model" in RouteTruth.objects.get().state


def test_attempts_and_alerts_cannot_be_changed(admin: Client, turn: Any) -> None:
    attempt = stored(turn)
    raise_alert(AlertKind.OVERRUN, relay="station")
    for address in (ATTEMPTS, ALERTS):
        assert admin.get(f"{address}add/").status_code == 403
    for address in (f"{ATTEMPTS}{attempt.pk}/", f"{ALERTS}{RelayAlert.objects.get().pk}/"):
        assert admin.get(f"{address}change/").status_code == 200
        assert admin.post(f"{address}change/", {"relay": "x"}).status_code == 403
        assert admin.post(f"{address}delete/", {"post": "yes"}).status_code == 403
