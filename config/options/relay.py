"""Settings of the relay."""

from dataclasses import dataclass

from chat.relay.errors import RelayAuth
from chat.relay.keys import inspect_key
from config.addresses import parts_of
from config.environment import SettingInvalid, variable

DEFAULT_REST_URL = "https://api.holysheep.ai/v1"
DEFAULT_WS_URL = "wss://stream.holysheep.ai/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class RelayAddress:
    """A relay that turns may go to: its name in logs and `/health`, address up to `/v1`, key, and
    WebSocket address, empty = derived from the other.
    """

    name: str
    rest_url: str
    api_key: str
    ws_url: str = ""

    def __repr__(self) -> str:
        """Leave the key out."""
        return f"RelayAddress({self.name!r}, {self.rest_url!r})"


@dataclass(frozen=True, slots=True)
class Relay:
    """The relay and how patiently it is treated."""

    api_key: str = variable(
        "HOLYSHEEP_API_KEY",
        "",
        secret=True,
        meaning="Key of the relay.",
        shown_default="none: `make up` answers from embedded relays",
    )
    rest_url: str = variable(
        "HOLYSHEEP_REST_URL",
        DEFAULT_REST_URL,
        meaning="Address of the relay, up to and with `/v1`; any OpenAI-compatible one will do.",
    )
    ws_url: str = variable(
        "HOLYSHEEP_WS_URL",
        "",
        meaning="WebSocket address of the relay, used as it stands: the key goes there too.",
        shown_default=f"`{DEFAULT_WS_URL}` while HOLYSHEEP_REST_URL is the default, else derived "
        "from that: `ws` for `http`, and `/chat/completions` at the end",
    )
    embedded: tuple[str, ...] = variable(
        "EMBEDDED_RELAYS",
        (),
        meaning="Relays on this machine, `name=address`, used while there is no "
        "HOLYSHEEP_API_KEY. `make up` sets it.",
        shown_default="none",
    )
    embedded_key: str = variable(
        "EMBEDDED_RELAY_KEY",
        "hs_demo",
        secret=True,
        meaning="Key for the relays on this machine.",
    )
    transport: str = variable(
        "RELAY_TRANSPORT",
        "auto",
        choices=("auto", "websocket", "sse"),
        meaning="How answers are streamed from the relay: `auto` is WebSocket, and SSE for a while "
        "where no WebSocket can be opened.",
    )
    max_retries: int = variable(
        "MAX_RETRIES",
        3,
        unit="tries",
        low=0,
        high=20,
        meaning="Tries before the first word of an answer, at least one; never after it.",
    )
    retry_delay_ms: int = variable(
        "RETRY_DELAY_MS",
        1000,
        unit="milliseconds",
        low=0,
        meaning="First delay between tries; doubles, at most 30 s.",
    )
    connection_timeout_ms: int = variable(
        "CONNECTION_TIMEOUT_MS",
        30_000,
        unit="milliseconds",
        low=1,
        meaning="Longest opening of a WebSocket to the relay, from TCP to its consent.",
    )
    heartbeat_seconds: float = variable(
        "RELAY_HEARTBEAT_SECONDS",
        30.0,
        unit="seconds",
        low=0.05,
        meaning="A ping goes to the relay this often while an answer comes by WebSocket.",
    )
    websocket_pause_seconds: float = variable(
        "RELAY_WEBSOCKET_PAUSE_SECONDS",
        300.0,
        unit="seconds",
        low=0,
        meaning="With `auto`: SSE for this long after no WebSocket could be opened; then one "
        "answer tries again.",
    )
    connect_timeout_seconds: float = variable(
        "RELAY_CONNECT_TIMEOUT_SECONDS",
        10.0,
        unit="seconds",
        low=0.01,
        meaning="Longest TCP and TLS connect.",
    )
    first_byte_timeout_seconds: float = variable(
        "RELAY_FIRST_BYTE_TIMEOUT_SECONDS",
        60.0,
        unit="seconds",
        low=0.01,
        meaning="Longest wait for the first byte of an answer.",
    )
    idle_timeout_seconds: float = variable(
        "RELAY_IDLE_TIMEOUT_SECONDS",
        60.0,
        unit="seconds",
        low=0.01,
        meaning="Longest silence within an answer.",
    )
    turn_timeout_seconds: float = variable(
        "RELAY_TURN_TIMEOUT_SECONDS",
        120.0,
        unit="seconds",
        low=0.01,
        meaning="Longest turn.",
    )
    max_line_bytes: int = variable(
        "RELAY_MAX_LINE_BYTES",
        1_048_576,
        unit="bytes",
        low=1024,
        meaning="Longest line of an answer's stream.",
    )
    max_answer_bytes: int = variable(
        "RELAY_MAX_ANSWER_BYTES",
        8_388_608,
        unit="bytes",
        low=1024,
        meaning="Longest answer.",
    )
    models_ttl_seconds: float = variable(
        "RELAY_MODELS_TTL_SECONDS",
        30.0,
        unit="seconds",
        low=0,
        meaning="Each relay's list of models is asked for again after this long, by each process.",
    )
    models_keep_seconds: float = variable(
        "RELAY_MODELS_KEEP_SECONDS",
        600.0,
        unit="seconds",
        low=0,
        meaning="The last list of a relay that does not give one any more is believed this long; "
        "then its models are not offered.",
    )

    def addresses(self) -> tuple[RelayAddress, ...]:
        """List the relays in the order of preference: the real one, or those on this machine.

        Raises `SettingInvalid` when an address is none, or the key cannot be one.
        """
        _require_address("HOLYSHEEP_REST_URL", self.rest_url, ("http", "https"))
        if self.ws_url:
            _require_address("HOLYSHEEP_WS_URL", self.ws_url, ("ws", "wss"))
        if self.api_key:
            _require_key(self.api_key)
            return (RelayAddress("relay", self.rest_url, self.api_key, self._ws_url()),)
        return tuple(self._embedded(entry) for entry in self.embedded)

    def _ws_url(self) -> str:
        """Who names another relay, and no WebSocket address, must not send its key to the default
        one.
        """
        if self.ws_url:
            return self.ws_url
        return DEFAULT_WS_URL if self.rest_url.rstrip("/") == DEFAULT_REST_URL else ""

    def _embedded(self, entry: str) -> RelayAddress:
        name, _, url = entry.partition("=")
        if not name:
            raise SettingInvalid("EMBEDDED_RELAYS", "a list of name=address")
        _require_address("EMBEDDED_RELAYS", url, ("http", "https"))
        return RelayAddress(name, url, self.embedded_key)


def _require_address(name: str, url: str, schemes: tuple[str, ...]) -> None:
    allowed = "an address that begins with " + " or ".join(schemes) + "://"
    parts = parts_of(name, url, allowed)
    if parts.scheme not in schemes or not parts.hostname:
        raise SettingInvalid(name, allowed)
    if "@" in parts.netloc:
        # It would be shown with the address, and no request can bring both it and the key.
        raise SettingInvalid(name, f"{allowed} and holds no name or password")


def _require_key(key: str) -> None:
    try:
        inspect_key(key)
    except RelayAuth:
        allowed = "the relay's key, not the placeholder of its documents, or unset"
        raise SettingInvalid("HOLYSHEEP_API_KEY", allowed) from None
