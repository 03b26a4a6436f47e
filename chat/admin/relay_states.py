"""How relays and their keys stand, in a word or two."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chat.admin.relay_forms import REST_SCHEMES, SOCKET_SCHEMES
from chat.admin.relay_refusals import networks
from chat.models import Relay, RelayKey
from chat.relay.address_guard import AddressRefused, check_url
from chat.services.relay_keys import is_usable
from chat.turns.relays import configured


@dataclass(frozen=True, slots=True)
class EnvironmentRelay:
    """A relay that is set by the environment, as the page shows it."""

    name: str
    address: str
    variables: str


def environment_relays() -> list[EnvironmentRelay]:
    """The relays of the environment, in their order of preference."""
    real = bool(settings.RELAY.api_key)
    variables = "HOLYSHEEP_API_KEY, HOLYSHEEP_REST_URL" if real else "EMBEDDED_RELAYS"
    return [EnvironmentRelay(each.name, each.base_url, variables) for each in configured()]


def shown_key_state(row: RelayKey) -> SafeString:
    """Whether a key can be used."""
    if row.pk is None:
        return SafeString("")
    if not is_usable(row):
        return _marked("bad", _("does not open: enter it again"))
    return _marked("good", _("ready")) if row.enabled else _marked("off", _("off"))


def shown_relay_state(relay: Relay) -> SafeString:
    """Whether turns can go to a relay, and what hinders them."""
    keys = [row for row in relay.keys.all() if row.enabled]
    if not relay.enabled:
        return _marked("off", _("off"))
    if relay.name in {each.name for each in configured()}:
        return _marked("bad", _("has the name of a relay of the environment"))
    if not _is_allowed(relay):
        return _marked("bad", _("its address is not allowed"))
    if not keys:
        return _marked("bad", _("has no key in use"))
    broken = sum(not is_usable(row) for row in keys)
    if broken == len(keys):
        return _marked("bad", _("no key opens: enter it again"))
    return _marked("bad", _("a key does not open")) if broken else _marked("good", _("ready"))


def _is_allowed(relay: Relay) -> bool:
    try:
        check_url(relay.base_url, networks(), REST_SCHEMES)
        if relay.ws_url:
            check_url(relay.ws_url, networks(), SOCKET_SCHEMES)
    except AddressRefused:
        return False
    return True


def _marked(kind: str, text: Any) -> SafeString:
    return format_html('<span class="state {}">{}</span>', kind, text)
