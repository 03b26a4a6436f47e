"""The relays that administrators keep in the database, each with each of its keys."""

import structlog
from django.conf import settings
from msgspec.structs import replace

from chat.models import RelayKey
from chat.relay.settings import RelaySettings
from chat.services.relay_keys import KeyUnusable, unseal
from chat.turns.relays.configured import configured, installation_settings, policy_named

log = structlog.get_logger(__name__)

_PER_RELAY = (
    "connect_timeout_seconds",
    "first_byte_timeout_seconds",
    "idle_timeout_seconds",
    "turn_timeout_seconds",
    "max_retries",
    "requests_per_minute",
    "tokens_per_minute",
    "concurrent_streams",
)
# Logged once, not every few seconds.
_logged: set[tuple[int, str]] = set()


def stored_relays() -> tuple[RelaySettings, ...]:
    """All that is enabled and whose key opens. A name of the environment's relays is theirs."""
    taken = {each.name for each in configured()}
    rows = (
        RelayKey.objects.filter(enabled=True, relay__enabled=True)
        .exclude(relay__name__in=taken)
        .select_related("relay")
        .order_by("relay__priority", "relay__name", "label")
    )
    found = []
    for row in rows:
        try:
            found.append(settings_of(row))
        except (KeyUnusable, KeyError):
            # One odd row, changed by hand perhaps, must not keep the others from being used.
            _log_unusable(row)
    return tuple(found)


def settings_of(row: RelayKey) -> RelaySettings:
    """How to reach a stored relay with one of its keys; raises KeyUnusable.

    What the relay leaves open is as the installation's settings say.
    """
    relay = row.relay
    own = {name: getattr(relay, name) for name in _PER_RELAY}
    return replace(
        installation_settings(relay.name, relay.base_url, relay.ws_url, unseal(row)),
        key_label=row.label,
        transport=policy_named(relay.transport),
        priority=relay.priority,
        # Each key is a way of its own; a relay's weight and its key's work together.
        weight=relay.weight * row.weight,
        models=tuple(relay.models_allowed.split()),
        networks=settings.RELAY_PRIVATE_NETWORKS,
        resumes=relay.resumes,
        **{name: value for name, value in own.items() if value is not None},
    )


def _log_unusable(row: RelayKey) -> None:
    seen = (row.pk, row.sealed)
    if seen not in _logged:
        _logged.add(seen)
        log.error("relay_key_unusable", relay=row.relay.name, label=row.label)
