"""Where chunks are journaled: raw SQL over one connection of its own, in one thread of its own."""

import asyncio
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol
from uuid import UUID

import msgspec
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from chat.protocol import Chunk

CLOSE_SECONDS = 2.0
"""A database that does not answer is waited for so long at the end."""


class ChunkStore(Protocol):
    """The seam to the journal's storage."""

    async def append(self, chunks: Sequence[Chunk]) -> Collection[UUID]:
        """Store all chunks in one commit, or raise and store none. Gives the turns that this
        process does not own any more: nothing of them is stored, and nothing may be shown."""

    async def aclose(self) -> None:
        """Give back the connection."""


# A chunk of an owner that lost its turn (a lower epoch, or a turn that ended) is not stored.
# A commit whose answer got lost with the connection is sent again: what it stored stays.
# {lock}: who takes a turn over waits until commits under way are done, and so reads their chunks.
# Without it PostgreSQL would store, and this process show, what the other has not seen.
_INSERT = """
INSERT INTO chat_journalchunk (turn_id, epoch, seq, "offset", content, reasoning, extras)
SELECT %s, %s, %s, %s, %s, %s, %s
FROM (
    SELECT 1 FROM chat_turn WHERE id = %s AND epoch = %s AND state = 'running' {lock}
) AS owned
WHERE true
ON CONFLICT (turn_id, epoch, seq) DO NOTHING
"""
_OWNED = "SELECT id, epoch FROM chat_turn WHERE id IN ({places}) AND state = 'running'"


class DatabaseChunkStore:
    """The journal in the product's database."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._connection: BaseDatabaseWrapper | None = None

    def warm(self) -> None:
        """Open the connection before the first text needs it: that takes longer than a commit."""

        def open_early() -> None:
            with suppress(Exception):
                connection = self._connection or self._open()
                connection.ensure_connection()

        self._thread.submit(open_early)

    async def append(self, chunks: Sequence[Chunk]) -> Collection[UUID]:
        """Store all chunks in one commit, or raise a django.db.Error and store none."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._append, chunks)

    def _append(self, chunks: Sequence[Chunk]) -> frozenset[UUID]:
        connection = self._connection or self._open()
        as_hex = connection.vendor == "sqlite"
        rows = []
        for chunk in chunks:
            turn = chunk.turn.hex if as_hex else chunk.turn
            rows.append(
                (
                    turn,
                    chunk.epoch,
                    chunk.seq,
                    chunk.offset,
                    chunk.content,
                    chunk.reasoning,
                    msgspec.json.encode(chunk.extras).decode() if chunk.extras else "",
                    turn,
                    chunk.epoch,
                )
            )
        try:
            with connection.cursor() as cursor:
                cursor.execute("BEGIN IMMEDIATE" if as_hex else "BEGIN")
                if not as_hex:
                    # Survives the death of this process; a settlement still commits fully.
                    cursor.execute("SET LOCAL synchronous_commit TO OFF")
                cursor.executemany(_INSERT.format(lock="" if as_hex else "FOR SHARE"), rows)
                # Fewer rows than chunks: a turn was lost, or a commit is sent again.
                lost = _lost(cursor, chunks, as_hex) if cursor.rowcount < len(rows) else frozenset()
                cursor.execute("COMMIT")
        except Exception:
            # Whatever the connection was in the middle of, a new one starts clean.
            self._close()
            raise
        return lost

    def _open(self) -> BaseDatabaseWrapper:
        self._connection = connections.create_connection("default")
        return self._connection

    def _close(self) -> None:
        # Forgotten first: a broken connection may fail to close, and must not be used again.
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def aclose(self) -> None:
        """Give back the connection and end the thread. Where a commit is never answered both are
        left to the end of the process."""
        closing = asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        await asyncio.wait({closing}, timeout=CLOSE_SECONDS)
        self._thread.shutdown(wait=False)
        if not closing.cancel():
            closing.result()


def _lost(cursor: Any, chunks: Sequence[Chunk], as_hex: bool) -> frozenset[UUID]:
    """The turns of these chunks that do not run any more, or in another epoch."""
    epochs = {chunk.turn: chunk.epoch for chunk in chunks}
    places = ", ".join(["%s"] * len(epochs))
    asked = [id.hex if as_hex else id for id in epochs]
    cursor.execute(_OWNED.format(places=places), asked)
    owned = {UUID(str(id)): epoch for id, epoch in cursor.fetchall()}
    return frozenset(id for id, epoch in epochs.items() if owned.get(id) != epoch)


class MemoryChunkStore:
    """The double: keeps chunks in a list; `hold` makes it stall, `fail` makes it fail."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.commits = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None
        # Turns that another process has taken over.
        self.lost: set[UUID] = set()

    async def append(self, chunks: Sequence[Chunk]) -> Collection[UUID]:
        """Store all chunks once the gate is open."""
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.chunks += [chunk for chunk in chunks if chunk.turn not in self.lost]
        self.commits += 1
        return self.lost & {chunk.turn for chunk in chunks}

    async def aclose(self) -> None:
        """Nothing to give back."""
