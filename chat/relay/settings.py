"""What is known about one relay: its address, its key, its limits."""

from __future__ import annotations

import msgspec


class RelaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """One relay. The figures are those of the relay's own documents, all changeable.

    Documents are `/models` and `/usage`. `max_retries` counts tries in all, the first included.
    The turn timeout covers all tries and the waits between them. `max_answer_bytes` bounds the
    text of one answer in UTF-8, `max_wire_bytes` all that the relay sends for it, and
    `max_line_bytes` one line of that.
    """

    name: str
    base_url: str
    api_key: str = ""
    max_retries: int = 3
    retry_delay_ms: int = 1000
    connect_timeout_seconds: float = 10.0
    first_byte_timeout_seconds: float = 60.0
    idle_timeout_seconds: float = 60.0
    turn_timeout_seconds: float = 120.0
    finish_grace_seconds: float = 2.0
    document_timeout_seconds: float = 15.0
    catalogue_ttl_seconds: float = 300.0
    max_line_bytes: int = 1024 * 1024
    max_answer_bytes: int = 1024 * 1024
    max_wire_bytes: int = 64 * 1024 * 1024

    def __repr__(self) -> str:
        # The key must not reach a log or an error page by way of a repr.
        return f"RelaySettings(name={self.name!r}, base_url={self.base_url!r})"
