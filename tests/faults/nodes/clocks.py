"""Row 45: the clock of one node jumps an hour forth, then two hours back."""

from __future__ import annotations

from pathlib import Path

from tests.cluster import Cluster
from tests.faults.nodes.play import LONG, Play
from tests.processes import ROOT

FORTH_SECONDS, BACK_SECONDS = 3600, -3600
WRONG_NODE = 2


def of_its_own(cluster: Cluster) -> dict[str, str]:
    """The environment of a node whose clock can be set alone."""
    return {
        "PYTHONPATH": str(ROOT / "tests" / "faults" / "clock"),
        "CLOCK_FILE": str(_file(cluster)),
    }


async def clock_jumps(play: Play) -> None:
    """Row 45: with an answer of its own and one of another node's."""
    file = _file(play.cluster)
    wrong, right = await play.reader(WRONG_NODE), await play.reader(0)
    own, others = await play.ask(wrong, LONG), await play.ask(right, LONG)
    await wrong.watch(others)
    await right.watch(own)
    try:
        for seconds in (FORTH_SECONDS, BACK_SECONDS):
            file.write_text(str(seconds))
            for reader in (wrong, right):
                for turn in (own["turn"], others["turn"]):
                    await reader.holds(turn, len(reader.turns[turn].content) + 300)
        for reader in (wrong, right):
            for turn in (own["turn"], others["turn"]):
                await reader.finish(turn)
    finally:
        file.unlink()
    query = "select distinct epoch, abs(extract(epoch from ended_at - now())) < 60 from chat_turn "
    ends = play.cluster.rows(query + "where id in (%s, %s)", own["turn"], others["turn"])
    assert ends == [(1, True)], "nobody took a turn over, and the database's clock tells its end"


def _file(cluster: Cluster) -> Path:
    return cluster.folder / "clock"
