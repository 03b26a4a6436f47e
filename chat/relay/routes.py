"""Routes: the relays, keys and models that may answer a turn, and the order to try them in."""

from __future__ import annotations

import msgspec

from chat.relay.breaker import Breaker
from chat.relay.client import RelayClient
from chat.relay.gates import Gate


class Route(msgspec.Struct, frozen=True):
    """One relay, reached with one key, and the model's id there."""

    client: RelayClient
    model: str
    gate: Gate
    breaker: Breaker
