"""kill -9 at random points of running turns: does anything that was delivered miss afterwards?

Run as ``python -m tests.faults.kills --points 500`` (`--postgresql`: on a server of its own). Each
point forks a process that runs the real engine over the real database, with a client that hands on
what it gets; it is killed, and the turns are settled as the next start does, now and then killed
as well. Prints one JSON line; exits with status 1 when anything is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.killed import end, fork, listen_then_kill, run_turns

LONGEST_RUN_SECONDS = 0.25
KILLED_RECOVERIES = 0.2


@dataclass
class Found:
    """What all points together came to."""

    points: int = 0
    turns: int = 0
    turns_ended_before: int = 0
    recovered: int = 0
    recoveries_killed: int = 0
    characters_delivered: int = 0
    characters_missing: int = 0
    # Points at which a commit took so long that text was shown before it was stored, as is meant
    # when the database stalls; the process died then as well.
    points_with_a_stall: int = 0
    characters_missing_after_a_stall: int = 0
    wrong: list[str] = field(default_factory=list)


class Killer:
    """Forks, kills, settles and compares, point by point."""

    def __init__(self, seed: int) -> None:
        self._seed, self._rng = seed, random.Random(seed)
        self.found = Found()

    def point(self) -> None:
        """One process, killed at a random moment."""
        from chat.models import Turn

        self.found.points += 1
        seed = self._rng.randrange(2**32)
        with self._fresh_connections():
            person = someone()
            before = set(Turn.objects.values_list("pk", flat=True))
        heard, says = os.pipe()
        child = fork(lambda: asyncio.run(run_turns(seed, person, says)))
        os.close(says)
        frames = listen_then_kill(child, heard, self._rng.random() * LONGEST_RUN_SECONDS)
        if self._rng.random() < KILLED_RECOVERIES:
            self.found.recoveries_killed += 1
            recovering = fork(settle)
            time.sleep(self._rng.random() * 0.05)
            end(recovering)
        stalled = any(frame["type"] == "early" for frame in frames)
        self.found.points_with_a_stall += stalled
        with self._fresh_connections():
            mine = Turn.objects.exclude(pk__in=before)
            self.found.turns_ended_before += mine.exclude(state="running").count()
            self.found.recovered += settle()
            for turn in mine.select_related("assistant_message"):
                self._compare(turn, frames, stalled=stalled)

    def _compare(self, turn: Any, frames: list[dict[str, Any]], *, stalled: bool) -> None:
        self.found.turns += 1
        mine = [frame for frame in frames if frame.get("turn") == str(turn.pk)]
        delivered = "".join(frame["content"] for frame in mine if frame["type"] == "chunk")
        self.found.characters_delivered += len(delivered)
        stored = turn.assistant_message.content
        if not stored.startswith(delivered):
            kept = next(i for i, c in enumerate(delivered) if stored[i : i + 1] != c)
            if stalled:
                self.found.characters_missing_after_a_stall += len(delivered) - kept
            else:
                self.found.characters_missing += len(delivered) - kept
                self.found.wrong.append(f"{turn.pk}: {len(delivered)} delivered, {kept} kept")
        if turn.state == "running":
            self.found.wrong.append(f"{turn.pk}: still running")
        for done in (frame for frame in mine if frame["type"] == "done"):
            if (done["state"], done["sha256"]) != (turn.state, turn.sha256):
                self.found.wrong.append(f"{turn.pk}: told as {done['state']}, is {turn.state}")

    def finish(self) -> None:
        """Look at the money and the journal when all is over."""
        from billing.models import Budget, Hold, Settlement
        from chat.models import JournalChunk, Turn

        with self._fresh_connections():
            held = sum(budget.held_nano_usd for budget in Budget.objects.all())
            counts = Turn.objects.count(), Hold.objects.count(), Settlement.objects.count()
            if held or len(set(counts)) != 1:
                self.found.wrong.append(f"held {held}; turns, holds, settlements: {counts}")
            if left := JournalChunk.objects.count():
                self.found.wrong.append(f"{left} chunks left in the journal")

    def _fresh_connections(self) -> ExitStack:
        """No connection and no thread of a pool may be there when a child is forked."""
        stack = ExitStack()
        stack.callback(close_connections)
        return stack


def close_connections() -> None:
    """Close this process's connection and end its pool's threads."""
    from django.db import connection

    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]


def someone() -> Any:
    """The person who asks, as she is now."""
    from accounts.models import Team, User
    from accounts.services.principals import principal_for_user

    team = Team.objects.get(name="Team of Alice")
    return principal_for_user(User.objects.get(username="alice"), team.pk)


def settle() -> int:
    """What the next start does: settle all that nobody owns; gives how many were settled."""
    from chat.services.leases import orphaned_turns
    from chat.services.recovery import recover_turn

    return sum(recover_turn(id) is not None for id in orphaned_turns(0))


def prepare() -> None:
    """An empty database with people, a price and enough money."""
    from django.core.management import call_command

    from tests.billing.conftest import give, set_prices
    from tests.people import cast

    call_command("migrate", verbosity=0)
    people = cast()
    set_prices("gpt-4.1", "8")
    give(people.team, "1000000")
    close_connections()


def main() -> int:
    """Run all points, print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=500)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--postgresql", action="store_true")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tram-kills-")))
        if options.postgresql:
            from tests.services.servers import postgresql

            (folder / "postgresql").mkdir()
            server = stack.enter_context(postgresql(folder / "postgresql"))
            os.environ["TEST_DATABASE_URL"] = server.url
        os.environ["TEST_DATA_DIR"] = str(folder)
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        os.environ["LOG_LEVEL"] = "ERROR"
        os.environ["MAX_TURNS_PER_PERSON"] = "1000"
        import django

        django.setup()
        prepare()
        killer = Killer(options.seed)
        for _ in range(options.points):
            killer.point()
        killer.finish()
    found = asdict(killer.found) | {"wrong": killer.found.wrong[:20], "seed": options.seed}
    print(json.dumps(found))
    return int(bool(killer.found.wrong or killer.found.characters_missing))


if __name__ == "__main__":
    sys.exit(main())
