"""Relays and their keys in the admin: what is refused, and what is only remarked on."""

import re
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from chat.admin.relay_refusals import REASONS, told
from chat.models import Relay, RelayKey
from chat.relay.address_guard import PrivateRefused
from chat.services.relay_keys import is_usable, unseal
from tests.chat.relay_pages import (
    ADD,
    KEY,
    LIST,
    again,
    entered,
    errors,
    installation,
    page,
    warnings,
)
from tests.people import Cast
from tests.processes import ROOT


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


def test_a_label_that_commands_a_terminal_is_refused(alice: Client) -> None:
    response = alice.post(ADD, entered(**{"keys-0-label": "main\x1b[2J"}))
    assert "cannot be shown" in errors(response)
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


def test_a_name_of_the_environment_is_taken(alice: Client, settings: Any) -> None:
    settings.RELAY = replace(settings.RELAY, embedded=("local=http://127.0.0.1:9/v1",))
    # The demo relay's name is taken always: its models are marked, its counts not weighed.
    for name in ("local", "demo"):
        assert "already" in errors(alice.post(ADD, entered(name=name)))
    shown = page(alice.get(LIST))
    assert "http://127.0.0.1:9/v1" in shown
    assert "EMBEDDED_RELAYS" in shown
    assert settings.RELAY.embedded_key not in shown


def test_every_reason_of_the_guard_can_be_told_in_other_languages() -> None:
    source = "".join(
        re.sub(r'"\s+"', "", (ROOT / "chat" / "relay" / name).read_text())
        for name in ("networks.py", "address_guard.py")
    )
    given = set(re.findall(r'raise (?:Address|Private)Refused\(\s*"(.*?)"', source))
    assert given == set(REASONS)
    vi = told(PrivateRefused("%(place)s is in a private network that is not allowed.", place="x"))
    assert vi.startswith("x ")
