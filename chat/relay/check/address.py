"""Where the relay's address leads, and whether it may lead there."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from chat.relay.address_guard import (
    DEFAULT_PORTS,
    AddressRefused,
    check_url,
    resolve,
    system_lookup,
)
from chat.relay.check.steps import Finding, failed, ok
from chat.relay.errors import RelayUnavailable
from chat.relay.settings import RelaySettings

SCHEMES = ("https", "http")
ADDRESSES_SHOWN = 3


async def where_it_leads(settings: RelaySettings) -> Finding:
    """Resolve the relay's name; where the address is not the operator's own choice, judge it."""
    parts = _parts(settings.base_url)
    if parts is None or parts.scheme not in SCHEMES or not parts.hostname:
        return failed("address_invalid")
    host = parts.hostname
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    try:
        if settings.networks is None:
            found = await system_lookup(host, port)
        else:
            plain = check_url(settings.base_url, settings.networks, SCHEMES).plain
            found = await resolve(host, port, settings.networks, plain=plain)
    except AddressRefused as error:
        return failed("address_refused", error.message)
    except (RelayUnavailable, OSError, UnicodeError):
        return failed("address_unresolved", host=host)
    shown = list(dict.fromkeys(found))[:ADDRESSES_SHOWN]
    return ok("address_ok", host=host, addresses=", ".join(shown))


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # a number, or it raises
    except ValueError:
        return None
    return parts
