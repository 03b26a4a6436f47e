"""Every row between processes: three nodes, PostgreSQL, Redis and a relay, all real."""

from collections.abc import Iterator
from functools import partial

import psutil
import pytest

from tests.cluster import Cluster, Node
from tests.clusters import Clusters
from tests.faults import oracle
from tests.faults.doorkeeper import KeptDoor
from tests.faults.evidence import Evidence
from tests.faults.nodes import clocks
from tests.faults.nodes.play import Play, playing, until
from tests.faults.nodes.purse import Purse
from tests.faults.nodes.table import TABLE, Row

pytestmark = pytest.mark.services
NODES = 3
# Rows whose promise quicker tests hold to as well, for `make slow`.
SLOWLY = {23, 26, 27, 36, 39, 41, 45, 46, 49, 50, 55}
IMPATIENT = {
    "LEASE_SECONDS": "5",
    "BEAT_SECONDS": "0.5",
    "JOURNAL_STOP_SECONDS": "6",
}
QUICK = ("--tokens-per-second", "200", "--first-token-seconds", "0.1")


@pytest.fixture(scope="module")
def door(clusters: Clusters) -> Iterator[KeptDoor]:
    """What the first node reaches the database by."""
    made = KeptDoor(clusters.postgresql.port)
    yield made
    made.close()


@pytest.fixture(scope="module")
def three_nodes(clusters: Clusters, door: KeptDoor) -> Iterator[Cluster]:
    """Three nodes that lose patience sooner than they do in service."""
    made = clusters.make(nodes=0, env=IMPATIENT, relay_options=QUICK)
    behind = made.env["DATABASE_URL"].replace(f":{door.to_port}/", f":{door.port}/")
    made.add({"DATABASE_URL": behind})
    made.add()
    made.add(clocks.of_its_own(made))
    assert len(made) == NODES
    with made:
        yield made


@pytest.fixture(scope="module")
def purse(three_nodes: Cluster) -> Iterator[Purse]:
    """Who changes limits and prices, for all rows that ask for it."""
    made = Purse(three_nodes)
    yield made
    made.close()


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=pytest.mark.slow if row.number in SLOWLY else ()) for row in TABLE],
    ids=lambda row: f"{row.number}-{row.name}",
)
async def test_the_row_holds(row: Row, three_nodes: Cluster, door: KeptDoor, purse: Purse) -> None:
    async with playing(three_nodes, [door], purse) as play:
        await row.play(play)
        turns = await play.evidence()
        assert len({turn.turn["id"] for turn in turns}) == row.turns
        for turn in turns:
            is_as_the_row_says(row, turn)
            holds_whatever_happens(row, turn)
        await relay_and_ledger_agree(row, play, turns)
    for name, seconds in play.figures.items():
        print(f"row {row.number}: {name} {seconds:.3f}")


def is_as_the_row_says(row: Row, turn: Evidence) -> None:
    state, code = turn.turn["state"], turn.turn["error_code"]
    assert state in row.states
    assert code == (row.code if state != "completed" else "")
    content, whole = turn.message["content"], turn.whole_answer()
    if state == "completed":
        assert content == whole
    else:
        assert content
        assert whole.startswith(content)
    assert turn.done["quality"] == ("reported" if state == "completed" else "estimated")
    if turn.done["quality"] == "estimated":
        assert turn.turn["cost_nano_usd"] == oracle.cost_nano_usd(sum(oracle.counted_tokens(turn)))


def holds_whatever_happens(row: Row, turn: Evidence) -> None:
    oracle.the_text_seen_is_the_text_stored(turn)
    oracle.it_ended_once(turn)
    oracle.money_moved_once(turn)
    if row.let_go:
        oracle.the_relay_was_let_go(turn)


async def relay_and_ledger_agree(row: Row, play: Play, turns: list[Evidence]) -> None:
    """One request for each turn; what completed is charged as the relay's own log says."""
    requests = play.requests()
    assert len(requests) == row.turns
    costs = {turn.turn["id"]: turn.turn["cost_nano_usd"] for turn in turns}
    if row.charge == "relay":
        assert sum(costs.values()) == oracle.relay_cost_nano_usd(requests)
    oracle.the_books_balance(play.cluster[0])


async def test_nothing_is_left_at_the_end(three_nodes: Cluster) -> None:
    """I5 and I10: after all of it no node has a connection to a client or to the relay."""
    oracle.no_team_spent_what_it_had_not(three_nodes[0])
    for username in ("alice", "bob", "charlie"):
        three_nodes.forget(username)
    for at, node in enumerate(three_nodes):
        await until(partial(is_left_alone, node))
        print(f"node {at}: {psutil.Process(node.pid).num_fds()} descriptors")
    assert three_nodes.relay.streams() == 0


def is_left_alone(node: Node) -> bool:
    """Whether nobody is connected to the port where a node listens."""
    found = psutil.Process(node.pid).net_connections("tcp")
    port = int(node.env["PORT"])
    return not any(c.laddr.port == port and c.status == psutil.CONN_ESTABLISHED for c in found)
