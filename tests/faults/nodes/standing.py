"""Clusters outside a test run, for measurements; and what every measurement prints."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.clusters import Clusters
from tests.faults.nodes.reader import Reader
from tests.services.servers import postgresql, valkey
from tests.socket_client import Frame

MODEL = "gpt-4.1"


@contextmanager
def standing_clusters() -> Iterator[Clusters]:
    """PostgreSQL, Valkey, and clusters on them, gone afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="tram-measured-") as folder,
        tempfile.TemporaryDirectory(prefix="tram-postgresql-") as data,
        postgresql(Path(data)) as database,
        valkey(Path(folder)) as redis,
    ):
        yield Clusters(database, redis, Path(folder))


class Faults(list[str]):
    """What went wrong, in sentences."""

    def compare(self, reader: Reader, turn: str, stored: tuple[Any, ...]) -> None:
        """The text that a reader holds must be the stored one, and its end the stored one."""
        state, content = stored
        seen = reader.turns[turn]
        if seen.content != content:
            self.append(f"{turn}: {len(seen.content)} characters held, {len(content)} stored")
        if seen.done is None or seen.done["state"] != state:
            self.append(f"{turn}: stored as {state}, told {seen.done}")


STORED = """
select t.id::text, t.state, m.content from chat_turn t
join chat_message m on m.id = t.assistant_message_id
"""


def stored_texts(rows: Sequence[tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    """State and text of each turn, of the rows of STORED."""
    return {row[0]: (row[1], row[2]) for row in rows}


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest value that so great a share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def tell(**figures: Any) -> None:
    """Print one line of figures."""
    print(json.dumps(figures), flush=True)


async def ask_through(reader: Reader, content: str, id: str) -> Frame:
    """Send a message until somebody takes it, through closing nodes; the same id is one turn."""
    while True:
        try:
            answer = await reader.client.chat(content, id=id, model=MODEL)
        except AssertionError:
            if reader.client.failure is not None:
                raise
        else:
            if answer["type"] == "accepted":
                return reader.expects(answer)
            if answer["code"] == "storage_unavailable":
                # A person is told to try again in a moment, and does.
                await asyncio.sleep(1)
                continue
            assert answer["code"] == "restarting", answer
            await reader.client.connection.wait_closed()
        await reader.come_back()
