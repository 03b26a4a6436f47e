"""Settings of several processes that share the work."""

from dataclasses import dataclass

from config.environment import variable


@dataclass(frozen=True, slots=True)
class Nodes:
    """How the processes of one site know of each other."""

    lease_seconds: float = variable(
        "LEASE_SECONDS",
        10.0,
        unit="seconds",
        low=1,
        meaning="A process that has not beaten for this long is dead: others settle its turns. "
        "Several times BEAT_SECONDS.",
    )
    follow_poll_ms: int = variable(
        "FOLLOW_POLL_MS",
        500,
        unit="milliseconds",
        low=20,
        meaning="While Redis is away, or there is none, an answer that another process writes is "
        "read from the journal this often.",
    )
    bus_probe_seconds: float = variable(
        "BUS_PROBE_SECONDS",
        15.0,
        unit="seconds",
        low=0.1,
        meaning="Each process proves this often that what it sends through Redis comes back; "
        "otherwise it connects anew.",
    )
    bus_frame_bytes: int = variable(
        "BUS_FRAME_BYTES",
        65_536,
        unit="bytes",
        low=1024,
        meaning="Longest message between processes; what is longer is read from the journal.",
    )
    bus_queue_frames: int = variable(
        "BUS_QUEUE_FRAMES",
        1024,
        unit="messages",
        low=16,
        meaning="Messages from other processes that may wait here; of more, the journal tells.",
    )
