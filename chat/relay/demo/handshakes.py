"""How the demo relay answers a WebSocket handshake: a choice made before any request is known."""

from typing import Any, Literal, get_args

import msgspec

from chat.relay.demo.refusals import NO_SUCH_PATH, WEBSOCKET_AT_CAPACITY, WEBSOCKET_FORBIDDEN

Handshake = Literal["on", "off", "forbidden", "capacity", "silent"]
HANDSHAKES: tuple[Handshake, ...] = get_args(Handshake)
PREFIX = "websocket-"


class Refusal(msgspec.Struct, frozen=True):
    """What is answered instead of a WebSocket."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = {}


REFUSALS: dict[Handshake, Refusal] = {
    "off": Refusal(404, NO_SUCH_PATH),
    "forbidden": Refusal(403, WEBSOCKET_FORBIDDEN),
    "capacity": Refusal(503, WEBSOCKET_AT_CAPACITY, {"Retry-After": "1"}),
}


def handshake_named(name: Any) -> Handshake | None:
    """Find the handshake of a script called ``websocket-forbidden`` and the like."""
    if not isinstance(name, str) or not name.startswith(PREFIX):
        return None
    word = name.removeprefix(PREFIX)
    return next((each for each in HANDSHAKES if each == word), None)
