"""Relays and their keys in the admin: who may, what is stored, what is never shown again."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import AuditEntry
from accounts.services.audit import record
from chat.admin import relays as relay_pages
from chat.models import Relay
from chat.services.relay_keys import rotate, unseal
from tests.chat.relay_pages import ADD, KEY, LIST, again, entered, installation, page
from tests.people import Cast


@pytest.fixture(autouse=True)
def _installation(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    installation(settings, monkeypatch)


@pytest.fixture
def alice(people: Cast) -> Client:
    client = Client()
    client.force_login(people.alice)
    return client


@pytest.fixture
def stored(alice: Client) -> Relay:
    assert alice.post(ADD, entered()).status_code == 302
    return Relay.objects.get()


def test_an_administrator_adds_a_relay_with_its_key(stored: Relay, alice: Client) -> None:
    assert (stored.name, stored.base_url) == ("Relay one", "https://relay.example/v1")
    row = stored.keys.get()
    assert unseal(row) == KEY
    assert row.last_four == "CRET"
    shown = page(alice.get(LIST))
    assert "ready" in shown
    form = page(alice.get(f"{LIST}{stored.pk}/change/"))
    assert "…CRET" in form
    assert KEY not in shown + form
    assert 'type="password"' in form


def test_a_save_tells_the_directory_of_this_process(
    alice: Client, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[bool] = []
    monkeypatch.setattr(relay_pages, "relays_changed", lambda: told.append(True))
    with django_capture_on_commit_callbacks(execute=True):
        alice.post(ADD, entered())
    assert told == [True]


@pytest.mark.parametrize("standing", ["nobody", "member", "staff"])
def test_only_administrators_see_relays(people: Cast, stored: Relay, standing: str) -> None:
    client = Client()
    if standing != "nobody":
        client.force_login(people.bob)
    if standing == "staff":
        people.bob.is_staff = True
        people.bob.save()
        people.bob.user_permissions.set(Permission.objects.all())
    change = f"{LIST}{stored.pk}/change/"
    for path in (LIST, ADD, change, f"{LIST}{stored.pk}/delete/", f"{LIST}{stored.pk}/history/"):
        assert client.get(path).status_code in (302, 403)
        assert client.post(path, again(stored)).status_code in (302, 403)
    if standing == "staff":
        assert client.get(change).status_code == 403
        assert "/admin/chat/relay/" not in page(client.get("/admin/"))
    assert Relay.objects.get().name == "Relay one"


def test_an_empty_key_keeps_what_is_stored(alice: Client, stored: Relay) -> None:
    change = f"{LIST}{stored.pk}/change/"
    response = alice.post(change, again(stored, weight="5", **{"keys-0-label": "renamed"}))
    assert response.status_code == 302
    row = stored.keys.get()
    assert (row.label, unseal(row)) == ("renamed", KEY)
    alice.post(change, again(stored, "hs_another0123456789"))
    assert unseal(stored.keys.get()) == "hs_another0123456789"


def test_a_rotation_between_reading_and_saving_is_not_undone(
    alice: Client, stored: Relay, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the key would be lost as soon as the operator drops the old secret."""
    settings.RELAY_KEY_SECRETS = ("new-secret-" + "n" * 40, *settings.RELAY_KEY_SECRETS)
    rotated: list[tuple[int, int]] = []

    def rotate_and_record(*args: Any, **detail: Any) -> None:
        if not rotated:
            rotated.append(rotate())
        record(*args, **detail)

    monkeypatch.setattr(relay_pages, "record", rotate_and_record)
    change = again(stored, weight="5", **{"keys-0-label": "renamed"})
    assert alice.post(f"{LIST}{stored.pk}/change/", change).status_code == 302
    assert rotated == [(1, 0)]
    settings.RELAY_KEY_SECRETS = settings.RELAY_KEY_SECRETS[:1]
    row = stored.keys.get()
    assert (row.label, unseal(row)) == ("renamed", KEY)


def test_a_key_that_does_not_open_is_shown_as_such(
    alice: Client, stored: Relay, settings: Any
) -> None:
    settings.RELAY_KEY_SECRETS = ("another-secret-" + "t" * 40,)
    assert "no key opens" in page(alice.get(LIST))
    assert "does not open" in page(alice.get(f"{LIST}{stored.pk}/change/"))
    assert alice.post(f"{LIST}{stored.pk}/change/", again(stored, weight="3")).status_code == 302


def test_every_change_is_in_the_audit_log_without_the_key(alice: Client, stored: Relay) -> None:
    change = f"{LIST}{stored.pk}/change/"
    alice.post(change, again(stored, "hs_another0123456789", weight="5"))
    alice.post(LIST, {"action": "disable", "_selected_action": str(stored.pk)})
    alice.post(change, again(stored, **{"keys-0-DELETE": "on"}))
    alice.post(f"{LIST}{stored.pk}/delete/", {"post": "yes"})
    entries = AuditEntry.objects.filter(action__startswith="relay_").order_by("id")
    assert [entry.action for entry in entries] == [
        "relay_added",
        "relay_key_added",
        "relay_changed",
        "relay_key_changed",
        "relay_changed",
        "relay_changed",
        "relay_key_deleted",
        "relay_deleted",
    ]
    assert {entry.actor for entry in entries} == {"alice"}
    assert entries[2].detail == {"weight": "5"}
    assert entries[4].detail == {"enabled": "False"}
    told = "\n".join(f"{entry.detail} {entry.object_name}" for entry in AuditEntry.objects.all())
    assert KEY not in told
    assert "hs_another" not in told


def test_several_relays_are_switched_and_deleted_at_once(alice: Client, stored: Relay) -> None:
    alice.post(ADD, entered(name="Relay two"))
    both = [str(each.pk) for each in Relay.objects.all()]
    alice.post(LIST, {"action": "disable", "_selected_action": both})
    assert not Relay.objects.filter(enabled=True).exists()
    alice.post(LIST, {"action": "enable", "_selected_action": both})
    assert Relay.objects.filter(enabled=True).count() == 2
    alice.post(LIST, {"action": "delete_selected", "_selected_action": both, "post": "yes"})
    assert not Relay.objects.exists()
    assert AuditEntry.objects.filter(action="relay_deleted").count() == 2
