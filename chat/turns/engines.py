"""The engine of each event loop, made from the settings."""

import asyncio
import os
import secrets
import socket
import weakref
from collections.abc import Callable

from django.conf import settings
from django.db import connection

from chat.sole_process import claim_database
from chat.turns.aftermath import weigh
from chat.turns.batches import BatchRunner
from chat.turns.bus import Bus, NoBus
from chat.turns.bus.redis import RedisBus
from chat.turns.engine import Engine, Seams
from chat.turns.handover import DatabaseHandoverDesk
from chat.turns.journal import Rhythm
from chat.turns.line import DatabaseLines
from chat.turns.reading import DatabaseTurnReader
from chat.turns.records import DatabaseTurnRecords
from chat.turns.relays import directory
from chat.turns.spool import SPOOL_FOLDER, Spool
from chat.turns.store import DatabaseChunkStore

_engines: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Engine]" = (
    weakref.WeakKeyDictionary()
)
made: list[Callable[[Engine], None]] = []
"""Called with each engine that has begun: what the floor above shares by process begins with it."""


def engine(role: str = "") -> Engine:
    """The engine of the running event loop, started at its first use in this role, or in that of
    the settings. Raises SecondProcess."""
    loop = asyncio.get_running_loop()
    if loop not in _engines:
        claim_database()
        turns = settings.TURNS
        store = DatabaseChunkStore()
        store.warm()
        seams = Seams(directory(), store, DatabaseTurnRecords(), DatabaseTurnReader(), _bus())
        _engines[loop] = made_engine = Engine(
            seams,
            _rhythm(),
            node=_node(),
            role=role or settings.NODES.role,
            beat_seconds=turns.beat_seconds,
            lease_seconds=settings.NODES.lease_seconds,
            follow_poll_seconds=settings.NODES.follow_poll_ms / 1000,
            bus_frame_bytes=settings.NODES.bus_frame_bytes,
            # The lock file keeps every other process off an SQLite database.
            alone=connection.vendor == "sqlite",
            max_turns=turns.max_turns_per_process,
            after=weigh,
            lines=DatabaseLines(directory().models),
            line_look_seconds=turns.waiting_look_seconds,
            desk=None if connection.vendor == "sqlite" else DatabaseHandoverDesk(),
            spool=Spool(settings.DATA_DIR / SPOOL_FOLDER),
        )
        made_engine.start()
        if made_engine.role != "web":
            _work_on_batches(made_engine)
        for begin in made:
            begin(made_engine)
    return _engines[loop]


def _work_on_batches(made_engine: Engine) -> None:
    batches = BatchRunner(
        made_engine,
        look_seconds=settings.BATCHES.look_seconds,
        lease_seconds=settings.NODES.lease_seconds,
        most_turns=max(settings.TURNS.max_turns_per_process // 2, 1),
    )
    batches.start()
    made_engine.closings.append(batches.aclose)


def _node() -> str:
    # A process number comes again, in a container even at once; this name must not.
    return f"{socket.gethostname()[:46]}:{os.getpid()}:{secrets.token_hex(4)}"


def _bus() -> Bus:
    if not settings.SITE.redis_url:
        return NoBus()
    nodes = settings.NODES
    return RedisBus(
        settings.SITE.redis_url,
        probe_seconds=nodes.bus_probe_seconds,
        message_bytes=nodes.bus_frame_bytes,
        queue_messages=nodes.bus_queue_frames,
    )


def _rhythm() -> Rhythm:
    turns, nodes = settings.TURNS, settings.NODES
    return Rhythm(
        interval_seconds=turns.flush_interval_ms / 1000,
        interval_max_seconds=turns.flush_interval_max_ms / 1000,
        tick_seconds=turns.journal_tick_ms / 1000,
        flush_bytes=turns.flush_bytes,
        stall_seconds=turns.journal_stall_ms / 1000,
        stop_seconds=turns.journal_stop_seconds,
        # Of two beats a process in order notices one.
        pause_seconds=max(nodes.lease_seconds / 2, 2 * turns.beat_seconds),
    )
