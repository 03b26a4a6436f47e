"""Settings of the browser sockets."""

from dataclasses import dataclass

from config.environment import variable


@dataclass(frozen=True, slots=True)
class Sockets:
    """Limits of one browser socket."""

    max_frame_bytes: int = variable(
        "MAX_FRAME_BYTES",
        262_144,
        unit="bytes",
        low=1024,
        meaning="Longest frame that is accepted.",
    )
    frames_per_second: float = variable(
        "FRAMES_PER_SECOND", 20.0, unit="frames a second", low=0.1, meaning="Lasting rate."
    )
    frames_burst: int = variable(
        "FRAMES_BURST", 40, unit="frames", low=1, meaning="Frames that may come at once."
    )
    max_sockets_per_person: int = variable(
        "MAX_SOCKETS_PER_PERSON",
        10,
        unit="sockets",
        low=1,
        meaning="Sockets and pages' streams of one person.",
    )
    max_sockets_per_address: int = variable(
        "MAX_SOCKETS_PER_ADDRESS", 50, unit="sockets", low=1, meaning="The same of one IP address."
    )
    max_api_sockets: int = variable(
        "MAX_API_SOCKETS",
        100,
        unit="sockets",
        low=1,
        meaning="Sockets of programs (`/v1/chat/completions`) of one person, and of one address, "
        "to one process; they are counted apart from those of pages.",
    )
    max_connections_per_address: int = variable(
        "MAX_CONNECTIONS_PER_ADDRESS",
        200,
        unit="connections",
        low=1,
        meaning="TCP connections of one IP address (of IPv6: one /64 network) to one process, also "
        "those that say nothing. Not counted with BEHIND_PROXY: there the proxy counts.",
    )
    request_timeout_seconds: float = variable(
        "REQUEST_TIMEOUT_SECONDS",
        30.0,
        unit="seconds",
        low=0.1,
        meaning="A request must have arrived whole, head and body, this long after it began or the "
        "connection was opened; otherwise the connection is closed.",
    )
    keep_alive_seconds: float = variable(
        "KEEP_ALIVE_SECONDS",
        75.0,
        unit="seconds",
        low=1,
        meaning="A connection may wait this long for its next request. Longer than a proxy in "
        "front keeps it.",
    )
    max_request_bytes: int = variable(
        "MAX_REQUEST_BYTES",
        10_485_760,
        unit="bytes",
        low=65_536,
        meaning="Longest request by HTTP, head and body; a longer one costs the connection.",
    )
    max_watched_conversations: int = variable(
        "MAX_WATCHED_CONVERSATIONS",
        100,
        unit="conversations",
        low=1,
        meaning="Conversations that one socket may watch at a time.",
    )
    bad_frames_in_a_row: int = variable(
        "BAD_FRAMES_IN_A_ROW", 5, unit="frames", low=1, meaning="So many close the socket (4409)."
    )
    ack_window_bytes: int = variable(
        "ACK_WINDOW_BYTES",
        262_144,
        unit="bytes",
        low=4096,
        meaning="Chunks that may be unacknowledged; a client further behind gets a snapshot.",
    )
    ack_timeout_seconds: float = variable(
        "ACK_TIMEOUT_SECONDS",
        30.0,
        unit="seconds",
        low=0.1,
        meaning="A client that acknowledges nothing for this long is closed (4408).",
    )
    heartbeat_seconds: float = variable(
        "HEARTBEAT_SECONDS", 25.0, unit="seconds", low=1, meaning="A client pings this often."
    )
    revalidate_seconds: float = variable(
        "REVALIDATE_SECONDS",
        60.0,
        unit="seconds",
        low=0.1,
        meaning="An open socket's rights are read again this often.",
    )
    close_spread_seconds: float = variable(
        "CLOSE_SPREAD_SECONDS",
        2.0,
        unit="seconds",
        low=0,
        meaning="At a restart sockets are closed (4012) over this time.",
    )
    queue_frames: int = variable(
        "QUEUE_FRAMES", 256, unit="frames", low=8, meaning="Frames that may wait for one client."
    )
