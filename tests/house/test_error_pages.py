"""The error page for developers: useful, and no secret on it."""

import sys
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from django.views.debug import get_exception_reporter_filter, technical_500_response
from django.views.decorators.debug import sensitive_post_parameters

from chat.relay.keys import keep_secret
from config.options import Relay, Site, StoredRelays

SECRETS = {
    "secret_key": "canary-secret-key-<&>-0123456789",
    "metrics_token": "canary-metrics-token-0123456789",
    "api_key": "canary-relay-key-0123456789",
    "sealing": "canary-sealing-secret-0123456789",
    "redis": "canary-redis-password",
}


@pytest.fixture(autouse=True)
def _installation(settings: Any) -> None:
    settings.DEBUG = True
    redis_url = f"redis://tram:{SECRETS['redis']}@127.0.0.1/0"
    settings.SITE = Site(
        secret_key=SECRETS["secret_key"],
        metrics_token=SECRETS["metrics_token"],
        redis_url=redis_url,
    )
    settings.RELAY = Relay(api_key=SECRETS["api_key"])
    settings.STORED_RELAYS = StoredRelays(key_secrets=(SECRETS["sealing"],))
    settings.CACHES = settings.CACHES | {"other": {"LOCATION": redis_url}}
    settings.SECRETS = tuple(SECRETS[name] for name in SECRETS if name != "redis")


@sensitive_post_parameters()
def fails(request: HttpRequest) -> None:
    found = [*SECRETS.values(), request.POST["keys-0-key"]]
    raise ValueError(f"odd: {found}")


@pytest.mark.parametrize("accepted", ["text/html", "text/plain"])
def test_a_developer_sees_what_failed_but_no_secret(accepted: str, settings: Any) -> None:
    entered = "hs_0123456789abcdef"
    request = RequestFactory().post("/admin/", {"keys-0-key": entered}, HTTP_ACCEPT=accepted)
    kept = "kept-without-a-shape"
    keep_secret(kept)
    try:
        local = kept
        fails(request)
    except ValueError:
        page = technical_500_response(request, *sys.exc_info()).content.decode()
    assert local == kept
    assert "odd: " in page
    assert "Relay(rest_url=" in page
    assert "[hidden]" in page
    for secret in (*SECRETS.values(), entered, kept):
        shown = page.count(secret) + page.count(secret.replace("&", "&amp;"))
        assert not shown, secret


def test_a_group_of_settings_tells_no_secret(settings: Any) -> None:
    shown = repr((settings.SITE, settings.RELAY, settings.STORED_RELAYS))
    assert "rest_url=" in shown
    assert not [secret for secret in SECRETS.values() if secret in shown]


def test_a_marked_form_field_is_hidden_whatever_its_shape() -> None:
    request = RequestFactory().post("/admin/", {"keys-0-key": "a key without any shape"})
    sensitive_post_parameters()(lambda request: request)(request)
    shown = get_exception_reporter_filter(request).get_post_parameters(request)
    assert "a key without any shape" not in str(shown)
    assert "keys-0-key" in shown
