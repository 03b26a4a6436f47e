"""The relays that this installation is told of by its environment."""

from django.conf import settings

from chat.relay.settings import RelaySettings, TransportPolicy

RELAYS_FILE = "embedded_relays"
"""Written by `make up` while it runs."""


def configured() -> tuple[RelaySettings, ...]:
    """The relays that the settings name: the real one if it has a key, else the embedded ones."""
    found = settings.RELAY.addresses()
    embedded = not settings.RELAY.api_key
    return tuple(
        installation_settings(
            each.name, each.rest_url, each.ws_url, each.api_key, embedded=embedded
        )
        for each in found
    )


def embedded_beside() -> tuple[RelaySettings, ...]:
    """The relays of the `make up` that runs in this DATA_DIR, for a command beside it."""
    try:
        told = (settings.DATA_DIR / RELAYS_FILE).read_text().strip()
    except OSError:
        return ()
    pairs = [entry.partition("=") for entry in told.split(",")]
    key = settings.RELAY.embedded_key
    return tuple(
        installation_settings(name, url, "", key, embedded=True) for name, _, url in pairs if url
    )


def installation_settings(
    name: str, base_url: str, ws_url: str, key: str, *, embedded: bool = False
) -> RelaySettings:
    """A relay treated as the installation's settings say; `embedded` = on this machine."""
    relay, limits = settings.RELAY, settings.LIMITS
    return RelaySettings(
        name=name,
        base_url=base_url,
        ws_url=ws_url,
        api_key=key,
        transport=policy_named(relay.transport),
        requests_per_minute=limits.key_requests_per_minute(embedded=embedded),
        tokens_per_minute=limits.max_tokens_per_minute,
        concurrent_streams=limits.max_streams_per_key,
        max_retries=relay.max_retries,
        retry_delay_ms=relay.retry_delay_ms,
        connect_timeout_seconds=relay.connect_timeout_seconds,
        handshake_timeout_seconds=relay.connection_timeout_ms / 1000,
        heartbeat_seconds=relay.heartbeat_seconds,
        websocket_pause_seconds=relay.websocket_pause_seconds,
        first_byte_timeout_seconds=relay.first_byte_timeout_seconds,
        idle_timeout_seconds=relay.idle_timeout_seconds,
        turn_timeout_seconds=relay.turn_timeout_seconds,
        catalogue_ttl_seconds=relay.models_ttl_seconds,
        catalogue_keep_seconds=relay.models_keep_seconds,
        max_line_bytes=relay.max_line_bytes,
        max_answer_bytes=relay.max_answer_bytes,
    )


def policy_named(name: str) -> TransportPolicy:
    """The transport policy of that name; raises KeyError."""
    policies: dict[str, TransportPolicy] = {"auto": "auto", "websocket": "websocket", "sse": "sse"}
    return policies[name]
