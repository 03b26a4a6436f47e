"""The settings of a demo relay."""

from pathlib import Path

import msgspec

from chat.relay.demo.handshakes import Handshake

DEMO_KEYS = frozenset({"hs_demo", "sk-hs-demo", "hsa-demo"})


class DemoSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a demo relay behaves. Port 0 takes any free port.

    `tokens_per_second` None sends as fast as the client reads. `lists_faults` shows the fault
    models in the catalogue and lets a prompt ask for a fault with ``[fault: name]``.
    `websocket` is how handshakes are answered: `off` with 404, `forbidden` with 403, `capacity`
    with 503, `silent` never. `total_granted_tokens` is what ``/usage`` calls granted. `seed` makes
    the bursts repeatable.
    `inflation` multiplies the usage it reports; `counts_by_model` reports tokens of OpenAI's
    vocabularies instead of pieces; `answers_as` is the model that it names instead of the one
    asked for. `log_file` gets one JSON line for each finished request.
    """

    host: str = "127.0.0.1"
    port: int = 0
    keys: frozenset[str] = DEMO_KEYS
    tokens_per_second: float | None = 60.0
    first_token_seconds: float = 0.35
    heartbeat_seconds: float = 15.0
    lists_faults: bool = False
    websocket: Handshake = "on"
    total_granted_tokens: int = 10_000_000
    seed: int | None = None
    inflation: float = 1.0
    counts_by_model: bool = False
    answers_as: str = ""
    log_file: Path | None = None
