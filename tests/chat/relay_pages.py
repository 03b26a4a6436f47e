"""The pages of relays in the admin, filled in and read; `installation` has secrets and names."""

import re
import socket
from typing import Any

import pytest

from chat.models import Relay

LIST, ADD = "/admin/chat/relay/", "/admin/chat/relay/add/"
KEY = "hs_canary0123456789SECRET"


def installation(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets for keys, no private networks, and two names that a resolver knows."""
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
