"""One site for many modules, each of which finds it as it was at first.

Starting a site, its relay and Chromium takes longer than most journeys.
"""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from tests.journeys.desk import Cookies, signed_in_as
from tests.servers import TramServer

PEOPLE = ("alice", "bob", "charlie")
AT_REST_SECONDS = 5.0
KEPT = ("chat_node", "sqlite_sequence")
"""What goes on: the process lives, and no number is given out twice."""


class SharedSite:
    """A running site, with Alice, Bob and Charlie signed in, to be begun with afresh."""

    def __init__(self, server: TramServer) -> None:
        self.server = server
        self._live = server.data_dir / "tram.sqlite3"
        self._first = server.data_dir / "first.sqlite3"
        self._cookies = {name: signed_in_as(server, name) for name in PEOPLE}
        with _opened(self._live) as live, _opened(self._first) as first:
            live.backup(first)

    def cookies(self) -> dict[str, Cookies]:
        """Cookies of everybody, as valid as at first."""
        return dict(self._cookies)

    def begin_afresh(self) -> None:
        """Forget what was said, paid, limited and chosen since the start, and the relay's scripts.

        The processes go on: what they remember is only of turns and conversations, whose ids
        never come again.
        """
        self._rest()
        again = self._first.with_name("again.sqlite3")
        shutil.copyfile(self._first, again)
        with _opened(again) as first:
            first.execute("ATTACH ? AS live", (str(self._live),))
            with first:
                for table in KEPT:
                    first.execute(f"DELETE FROM main.{table}")
                    first.execute(f"INSERT INTO main.{table} SELECT * FROM live.{table}")
            first.execute("DETACH live")
            with _opened(self._live) as live:
                first.backup(live)

    def _rest(self) -> None:
        """Wait until no answer is written any more; a relay with something left starts again."""
        demo = self.server.relay_url.removesuffix("/v1") + "/demo/"
        until = time.monotonic() + AT_REST_SECONDS
        while (open_still := httpx.get(demo + "streams").json()["open"]) and (
            time.monotonic() < until
        ):
            time.sleep(0.05)
        nothing = {"script": [{"act": "end"}], "times": 0}
        left = httpx.post(demo + "queue", json=nothing).raise_for_status().json()["queued"]
        if (open_still or left) and self.server.relay is not None:
            self.server.relay.kill()
            self.server.start_relay()


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, timeout=20)) as connection:
        yield connection
