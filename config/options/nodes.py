"""Settings of several processes that share the work."""

from dataclasses import dataclass

from config.environment import variable


@dataclass(frozen=True, slots=True)
class Nodes:
    """How the processes of one site know of each other."""

    workers: int = variable(
        "WORKERS",
        1,
        unit="processes",
        low=1,
        high=64,
        meaning="Processes of `manage.py serve` that share its port. More than one needs "
        "PostgreSQL, and wants REDIS_URL.",
    )
    role: str = variable(
        "ROLE",
        "all",
        choices=("all", "web", "runner"),
        meaning="What this process does: pages and sockets (`web`), the turns (`runner`, on no "
        "port), or all of it. `web` and `runner` need PostgreSQL and each other.",
    )
    probe_port: int = variable(
        "PROBE_PORT",
        0,
        low=0,
        high=65535,
        meaning="First of the ports on which each worker answers `/ready`, `/health` and "
        "`/metrics`, and nothing else, for itself: worker 1 there, worker 2 on the next. 0: none.",
    )
    drain_closes_port: bool = variable(
        "DRAIN_CLOSES_PORT",
        False,
        meaning="A process that drains stops listening at once, so that the proxy goes to the "
        "next one. Off: its pages say until the end that it restarts. Workers always do.",
    )
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
