"""The heartbeat that a relay expects on a WebSocket, and what relays answer to it."""

from __future__ import annotations

HEARTBEAT = b'{"type":"ping"}'
_LONGEST_PONG = 200  # some put a time or a session into theirs


def is_pong(message: bytes) -> bool:
    """Whether a message answers our heartbeat: it says that the connection lives, not that the
    answer goes on.
    """
    if len(message) > _LONGEST_PONG:
        return False
    text = message.strip()
    return text == b"pong" or (
        text.startswith(b"{") and b'"pong"' in text and b'"choices"' not in text
    )
