"""An answer that one process writes, seen, resumed and stopped from another, on PostgreSQL."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from tests.cluster import Cluster
from tests.clusters import Clusters
from tests.faults.nodes.play import LONG, SHORT, until
from tests.faults.nodes.reader import Reader

pytestmark = pytest.mark.services

HANGS = [{"act": "hang"}]
QUICK = ("--tokens-per-second", "400")
"""So that a long answer takes some four seconds."""


@pytest.fixture(scope="module", params=[True, False], ids=["with Redis", "without Redis"])
def site(clusters: Clusters, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Two processes of one site."""
    with clusters.make(nodes=2, redis=request.param, relay_options=QUICK) as made:
        yield made


At = Callable[..., Awaitable[Reader]]


@pytest.fixture
async def at(site: Cluster) -> AsyncIterator[At]:
    """Open a client at a node: `await at(1, "charlie")`. All are closed after the test."""
    opened: list[Reader] = []

    async def open_at(node: int, username: str = "alice") -> Reader:
        opened.append(Reader(site, username))
        return await opened[-1].connect(node)

    yield open_at
    for reader in opened:
        await reader.close()


def chunks(reader: Reader, turn: str) -> list[tuple[int, str]]:
    frames = [f for f in reader.frames if f["type"] == "chunk" and f["turn"] == turn]
    return [(frame["seq"], frame["content"]) for frame in frames]


async def test_who_watches_at_another_node_sees_the_same(site: Cluster, at: At) -> None:
    near, far = await at(0), await at(1)
    first = await near.ask(SHORT)
    await near.finish(first["turn"])
    await far.client.send(type="attach", conversation=first["conversation"])
    await far.client.wait_for(lambda frame: frame["type"] == "attached")
    # The next turn begins while both watch.
    second = await near.ask(LONG, conversation=first["conversation"])
    change = await far.client.wait_for(
        lambda frame: frame["type"] == "conversation" and frame.get("turn") == second["turn"]
    )
    assert change["assistant_message"] == second["assistant_message"]
    far.expects(second)
    ends = [await near.finish(second["turn"]), await far.finish(second["turn"])]
    assert ends[0]["sha256"] == ends[1]["sha256"]
    assert far.turns[second["turn"]].content == near.turns[second["turn"]].content
    assert chunks(far, second["turn"]) == chunks(near, second["turn"])


async def test_who_moves_to_another_node_misses_nothing_and_sees_nothing_twice(
    site: Cluster,
    at: At,
) -> None:
    reader = await at(0)
    accepted = await reader.ask(LONG)
    turn = accepted["turn"]
    for node in (1, 0, 1):
        await reader.holds(turn, len(reader.turns[turn].content) + 200)
        await reader.drop()
        await reader.connect(node)
        attached = await reader.client.wait_for(
            lambda frame: frame["type"] == "attached",
            after=len(reader.frames) - 1,
        )
        assert turn in attached["turns"] or reader.turns[turn].done
    await reader.finish(turn)
    numbers = [seq for seq, _ in chunks(reader, turn)]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_a_stranger_sees_nothing_and_stops_nothing_at_another_node(
    site: Cluster, at: At
) -> None:
    alice, charlie = await at(0), await at(1, "charlie")
    accepted = await alice.ask(LONG)
    for command in (
        {"type": "attach", "conversation": accepted["conversation"], "turn": accepted["turn"]},
        {"type": "interrupt", "turn": accepted["turn"]},
    ):
        before = len(charlie.frames)
        await charlie.client.send(**command)
        refusal = await charlie.client.wait_for(lambda f: f["type"] == "error", after=before)
        assert refusal["code"] == "not_found"
    assert (await alice.finish(accepted["turn"]))["state"] == "completed"
    assert not [frame for frame in charlie.frames if frame.get("turn") and frame["type"] != "error"]


async def test_a_turn_is_stopped_elsewhere_before_its_first_word(site: Cluster, at: At) -> None:
    site.relay.queue(HANGS)
    near = await at(0)
    accepted = await near.ask(SHORT)
    await until(lambda: site.relay.streams() == 1)
    # After a reload, at another node, which has never heard of the turn.
    far = await at(1)
    await far.client.send(type="interrupt", turn=accepted["turn"])
    done = await near.finish(accepted["turn"])
    assert (done["state"], near.turns[accepted["turn"]].content) == ("interrupted", "")
    await until(lambda: site.relay.streams() == 0)


async def test_one_send_at_both_nodes_is_one_turn_that_both_see(site: Cluster, at: At) -> None:
    near, far = await at(0), await at(1)
    for _ in range(3):
        id = str(uuid.uuid4())
        first, second = await asyncio.gather(near.ask(SHORT, id=id), far.ask(SHORT, id=id))
        assert first["turn"] == second["turn"]
        ends = [await near.finish(first["turn"]), await far.finish(first["turn"])]
        assert ends[0]["sha256"] == ends[1]["sha256"]
        assert near.turns[first["turn"]].content == far.turns[first["turn"]].content


async def test_a_conversation_deleted_elsewhere_stops_its_turn(site: Cluster, at: At) -> None:
    reader = await at(0)
    accepted = await reader.ask(LONG)
    await reader.holds(accepted["turn"], 50)
    with site.page("alice", 1) as page:
        answer = page.delete(f"/api/conversations/{accepted['conversation']}")
        assert answer.status_code == 204, answer.text
    turn = accepted["turn"]
    state = "select state from chat_turn where id = %s"
    await until(lambda: site.rows(state, turn) == [("interrupted",)])
    await until(lambda: site.relay.streams() == 0)
