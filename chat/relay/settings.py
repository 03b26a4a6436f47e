"""What is known about one relay: its address, its key, its limits."""

from __future__ import annotations

from typing import Literal

import msgspec

TransportPolicy = Literal["auto", "websocket", "sse"]


class RelaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """One relay, reached with one key. The figures are those of the relay's own documents, all
    changeable.

    `ws_url` is its WebSocket address, empty = derived from `base_url`. `transport`: `auto` tries
    WebSocket first and, when the handshake fails, uses SSE for `websocket_pause_seconds`.
    Routes of a smaller `priority` come first; among equals chance decides by `weight`. `models`
    are the patterns (`gpt-*`) of models that may be used, empty = all. `networks` are the private
    networks that the address may lead to; None = not checked, for an address that the operator
    set by the environment. `resumes`: a broken stream is gone on with by a new attempt.
    The three limits hold for the key; 0 = no limit.

    Documents are `/models` and `/usage`; while `/models` fails, its last list is believed for
    `catalogue_keep_seconds`. `max_retries` counts tries in all, the first included.
    The turn timeout covers all tries and the waits between them. `max_answer_bytes` bounds the
    text of one answer in UTF-8, `max_wire_bytes` all that the relay sends for it, and
    `max_line_bytes` one line of that.
    """

    name: str
    base_url: str
    ws_url: str = ""
    api_key: str = ""
    key_label: str = ""
    transport: TransportPolicy = "sse"
    priority: int = 0
    weight: int = 1
    models: tuple[str, ...] = ()
    networks: tuple[str, ...] | None = None
    resumes: bool = False
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    concurrent_streams: int = 0
    max_retries: int = 3
    retry_delay_ms: int = 1000
    connect_timeout_seconds: float = 10.0
    handshake_timeout_seconds: float = 30.0
    heartbeat_seconds: float = 30.0
    websocket_pause_seconds: float = 300.0
    first_byte_timeout_seconds: float = 60.0
    idle_timeout_seconds: float = 60.0
    turn_timeout_seconds: float = 120.0
    finish_grace_seconds: float = 2.0
    document_timeout_seconds: float = 15.0
    catalogue_ttl_seconds: float = 30.0
    catalogue_keep_seconds: float = 600.0
    max_line_bytes: int = 1024 * 1024
    max_answer_bytes: int = 1024 * 1024
    max_wire_bytes: int = 64 * 1024 * 1024

    def __repr__(self) -> str:
        # The key must not reach a log or an error page by way of a repr.
        return f"RelaySettings(name={self.name!r}, base_url={self.base_url!r})"
