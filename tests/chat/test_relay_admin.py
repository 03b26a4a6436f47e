"""Relays and their keys in the admin: who may, what is refused, what is never shown again."""

import re
import socket
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import AuditEntry
from chat.admin import relays as relay_pages
from chat.admin.relay_refusals import REASONS, told
from chat.models import Relay, RelayKey
from chat.relay.address_guard import PrivateRefused
from chat.services.relay_keys import is_usable, unseal
from tests.people import Cast
from tests.processes import ROOT

LIST, ADD = "/admin/chat/relay/", "/admin/chat/relay/add/"
KEY = "hs_canary0123456789SECRET"


@pytest.fixture(autouse=True)
def _installation(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RELAY_KEY_SECRETS = ("for-tests-only-" + "s" * 40,)
    settings.RELAY_PRIVATE_NETWORKS = ()
    addresses = {
        "relay.example": ["93.184.215.14"],
        "inside.example": ["93.184.215.14", "10.0.0.7"],
    }

    def look_up(host: str, port: int, **_rest: Any) -> list[Any]:
        if host not in addresses:
            raise socket.gaierror("no such name")
        return [(0, 0, 0, "", (each, port)) for each in addresses[host]]

    monkeypatch.setattr("chat.admin.relay_forms.socket.getaddrinfo", look_up)


@pytest.fixture
def alice(people: Cast) -> Client:
    client = Client()
    client.force_login(people.alice)
    return client


def entered(key: str = KEY, **changes: str) -> dict[str, str]:
    """A filled-in form with one key."""
    fields = {
        "name": "Relay one",
        "base_url": "https://relay.example/v1/",
        "transport": "auto",
        "priority": "10",
        "weight": "1",
        "enabled": "on",
        "keys-TOTAL_FORMS": "1",
        "keys-INITIAL_FORMS": "0",
        "keys-0-label": "main",
        "keys-0-key": key,
        "keys-0-enabled": "on",
        "keys-0-weight": "1",
    }
    return fields | changes


def again(relay: Relay, key: str = "", **changes: str) -> dict[str, str]:
    """The form of a stored relay with one key."""
    row = relay.keys.get()
    ids = {"keys-INITIAL_FORMS": "1", "keys-0-id": str(row.pk), "keys-0-relay": str(relay.pk)}
    return entered(key, base_url=relay.base_url) | ids | changes


def page(response: Any) -> str:
    text: str = response.content.decode()
    return text


def errors(response: Any) -> str:
    assert response.status_code == 200, "it was saved"
    found = re.findall(r'<ul class="errorlist.*?</ul>', page(response), re.DOTALL)
    return re.sub(r"<[^>]+>", " ", " ".join(found))


def warnings(response: Any) -> str:
    found = re.findall(r'<li class="warning">(.*?)</li>', page(response), re.DOTALL)
    return " ".join(found)


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


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://relay.example/v1", "in the clear"),
        ("https://127.0.0.1/v1", "127.0.0.1 is in a private network"),
        ("https://localhost/v1", "localhost is in a private network"),
        ("https://169.254.169.254/v1", "never"),
        ("https://0x7f.1/v1", "four decimal numbers"),
        ("https://inside.example/v1", "inside.example (10.0.0.7) is in a private network"),
        ("https://who:word@relay.example/v1", "name or password"),
        ("wss://relay.example/v1", "must begin with https://"),
    ],
)
def test_an_address_that_leads_inside_is_refused(alice: Client, url: str, reason: str) -> None:
    shown = errors(alice.post(ADD, entered(base_url=url)))
    assert reason in shown
    # What to set is said only where setting it would help.
    assert ("RELAY_PRIVATE_NETWORKS" in shown) == ("clear" in reason or "private" in reason)
    socket_url = url.replace("http", "ws", 1) if url.startswith("http") else "https://x.example/v1"
    assert errors(alice.post(ADD, entered(ws_url=socket_url)))
    assert not Relay.objects.exists()


def test_an_allowed_network_may_hold_a_relay(alice: Client, settings: Any) -> None:
    settings.RELAY_PRIVATE_NETWORKS = ("127.0.0.0/8",)
    assert alice.post(ADD, entered(base_url="http://127.0.0.1:8123/v1")).status_code == 302
    assert "ready" in page(alice.get(LIST))
    settings.RELAY_PRIVATE_NETWORKS = ()
    assert "its address is not allowed" in page(alice.get(LIST))


def test_a_name_that_is_not_found_now_is_remarked_on(alice: Client) -> None:
    response = alice.post(ADD, entered(base_url="https://soon.example/v1"), follow=True)
    assert "soon.example is not found now" in warnings(response)
    assert Relay.objects.get().base_url == "https://soon.example/v1"


def test_a_websocket_address_elsewhere_is_remarked_on(alice: Client) -> None:
    socket_url = "wss://stream.example/v1/chat/completions"
    response = alice.post(ADD, entered(ws_url=socket_url), follow=True)
    assert "relay.example and to stream.example" in warnings(response)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "Enter the key."),
        ("YOUR_HOLYSHEEP_API_KEY", "placeholder"),
        ("hs_with space", "such characters"),
        ("hs_ключ", "such characters"),
    ],
)
def test_what_is_no_key_is_refused_without_repeating_it(
    alice: Client, key: str, reason: str
) -> None:
    response = alice.post(ADD, entered(key))
    assert reason in errors(response)
    assert not key or key not in page(response)
    assert not RelayKey.objects.exists()


def test_a_key_of_another_kind_is_kept_with_a_remark(alice: Client) -> None:
    response = alice.post(ADD, entered("other-0123456789abcdef"), follow=True)
    assert "begins unlike" in warnings(response)
    assert unseal(RelayKey.objects.get()) == "other-0123456789abcdef"


def test_a_form_with_another_mistake_does_not_give_the_key_back(alice: Client) -> None:
    response = alice.post(ADD, entered(weight="0"))
    assert errors(response)
    assert KEY not in page(response)


def test_without_a_secret_everything_but_keys_works(alice: Client, settings: Any) -> None:
    settings.RELAY_KEY_SECRETS = ()
    assert "RELAY_KEY_SECRETS" in warnings(alice.get(ADD))
    assert "RELAY_KEY_SECRETS" in errors(alice.post(ADD, entered()))
    without = {"keys-TOTAL_FORMS": "0"}
    assert alice.post(ADD, entered() | without).status_code == 302
    assert "has no key in use" in page(alice.get(LIST))


def test_an_empty_key_keeps_what_is_stored(alice: Client, stored: Relay) -> None:
    change = f"{LIST}{stored.pk}/change/"
    response = alice.post(change, again(stored, weight="5", **{"keys-0-label": "renamed"}))
    assert response.status_code == 302
    row = stored.keys.get()
    assert (row.label, unseal(row)) == ("renamed", KEY)
    alice.post(change, again(stored, "hs_another0123456789"))
    assert unseal(stored.keys.get()) == "hs_another0123456789"


def test_another_host_needs_the_key_again(alice: Client, stored: Relay) -> None:
    """Who can change the address must not be able to have a stored key sent there."""
    change = f"{LIST}{stored.pk}/change/"
    elsewhere = {"base_url": "https://else.example/v1"}
    assert "enter the key again" in errors(alice.post(change, again(stored, **elsewhere)))
    stored.refresh_from_db()
    assert stored.base_url == "https://relay.example/v1"
    assert is_usable(stored.keys.get())
    assert alice.post(change, again(stored, KEY, **elsewhere)).status_code == 302
    assert unseal(RelayKey.objects.get()) == KEY
    gone = {"base_url": "https://third.example/v1", "keys-0-DELETE": "on"}
    assert alice.post(change, again(stored, **gone)).status_code == 302
    assert not RelayKey.objects.exists()


def test_a_key_that_does_not_open_is_shown_as_such(
    alice: Client, stored: Relay, settings: Any
) -> None:
    settings.RELAY_KEY_SECRETS = ("another-secret-" + "t" * 40,)
    assert "no key opens" in page(alice.get(LIST))
    assert "does not open" in page(alice.get(f"{LIST}{stored.pk}/change/"))
    assert alice.post(f"{LIST}{stored.pk}/change/", again(stored, weight="3")).status_code == 302


def test_a_name_of_the_environment_is_taken(alice: Client, settings: Any) -> None:
    settings.RELAY = replace(settings.RELAY, embedded=("local=http://127.0.0.1:9/v1",))
    assert "already" in errors(alice.post(ADD, entered(name="local")))
    shown = page(alice.get(LIST))
    assert "http://127.0.0.1:9/v1" in shown
    assert "EMBEDDED_RELAYS" in shown
    assert settings.RELAY.embedded_key not in shown


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


def test_every_reason_of_the_guard_can_be_told_in_other_languages() -> None:
    source = "".join(
        re.sub(r'"\s+"', "", (ROOT / "chat" / "relay" / name).read_text())
        for name in ("networks.py", "address_guard.py")
    )
    given = set(re.findall(r'raise (?:Address|Private)Refused\(\s*"(.*?)"', source))
    assert given == set(REASONS)
    vi = told(PrivateRefused("%(place)s is in a private network that is not allowed.", place="x"))
    assert vi.startswith("x ")
