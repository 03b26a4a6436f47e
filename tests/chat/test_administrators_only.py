"""Staff who are no administrators get at no relay, by whatever address of the administration."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from chat.models import (
    AlertKind,
    ModelAlias,
    ModelSetting,
    ModelVisibility,
    Node,
    Relay,
    RelayAlert,
)
from tests.people import Cast

NAMES = ("relay", "modelsetting", "modelalias", "relayalert", "attempt", "node")
OWN_PAGES = ("chat_relay_check", "chat_relay_statistics")


@pytest.fixture
def rows(db: None) -> dict[str, Any]:
    return {
        "relay": Relay.objects.create(name="One", base_url="https://relay.example/v1"),
        "modelsetting": ModelSetting.objects.create(model="gpt-4.1"),
        "modelalias": ModelAlias.objects.create(alias="four", model="gpt-4.1"),
        "relayalert": RelayAlert.objects.create(kind=AlertKind.KEY_REFUSED, relay="One"),
        "node": Node.objects.create(name="here", started_at=now(), beat_at=now()),
    }


def client_of(people: Cast, *, superuser: bool) -> Client:
    bob = people.bob
    bob.is_staff, bob.is_superuser = True, superuser
    bob.save()
    bob.user_permissions.set(Permission.objects.all())
    client = Client()
    client.force_login(bob)
    return client


def addresses(rows: dict[str, Any]) -> list[str]:
    found = [reverse(f"admin:{name}") for name in OWN_PAGES]
    for name in NAMES:
        found += [reverse(f"admin:chat_{name}_{page}") for page in ("changelist", "add")]
        if name in rows:
            for page in ("change", "delete", "history"):
                found.append(reverse(f"admin:chat_{name}_{page}", args=[rows[name].pk]))
    for address in tuple(found):
        key = "name" if "/node/" in address else "id"
        found += [f"{address}?_popup=1&_to_field={key}", f"{address}?e=1"]
    return found


def test_permissions_open_no_page(people: Cast, rows: dict[str, Any]) -> None:
    staff = client_of(people, superuser=False)
    for address in addresses(rows):
        assert staff.get(address).status_code == 403, address
        assert staff.post(address, {"relay": "x", "_popup": "1"}).status_code == 403, address
    index = staff.get("/admin/").content.decode() + staff.get("/admin/chat/").content.decode()
    assert "/admin/chat/turn/" in index
    for name in NAMES:
        assert f"/admin/chat/{name}/" not in index
    administrator = client_of(people, superuser=True)
    for name in NAMES:
        assert administrator.get(reverse(f"admin:chat_{name}_changelist")).status_code == 200


def test_permissions_allow_no_action(people: Cast, rows: dict[str, Any]) -> None:
    staff = client_of(people, superuser=False)
    for name, action in (
        ("relay", "disable"),
        ("relay", "delete_selected"),
        ("relayalert", "close"),
        ("relayalert", "close_and_learn"),
        ("modelsetting", "delete_selected"),
        ("modelalias", "delete_selected"),
    ):
        asked = {"action": action, "_selected_action": [rows[name].pk], "post": "yes"}
        address = reverse(f"admin:chat_{name}_changelist")
        assert staff.post(address, asked).status_code == 403, (name, action)
    rows["relayalert"].refresh_from_db()
    assert rows["relayalert"].closed_at is None
    assert Relay.objects.get().enabled
    assert ModelAlias.objects.filter(alias="four").exists()
    assert ModelSetting.objects.get().visibility == ModelVisibility.SHOWN


def test_no_other_door_of_the_administration_shows_a_row(
    people: Cast, rows: dict[str, Any]
) -> None:
    staff = client_of(people, superuser=False)
    for name, row in rows.items():
        completion = {"app_label": "chat", "model_name": name, "field_name": "relay", "term": "O"}
        assert staff.get("/admin/autocomplete/", completion).status_code == 403
        kind = ContentType.objects.get_for_model(row)
        assert staff.get(f"/admin/r/{kind.pk}/{row.pk}/").status_code == 404


@pytest.mark.parametrize("name", OWN_PAGES)
def test_a_stranger_is_sent_to_sign_in(people: Cast, name: str) -> None:
    assert Client().get(reverse(f"admin:{name}")).status_code == 302


def test_an_action_without_its_token_is_refused(people: Cast, rows: dict[str, Any]) -> None:
    client_of(people, superuser=True)
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.bob)
    asked = {"action": "close", "_selected_action": [rows["relayalert"].pk]}
    assert client.post(reverse("admin:chat_relayalert_changelist"), asked).status_code == 403
    rows["relayalert"].refresh_from_db()
    assert rows["relayalert"].closed_at is None
