"""Processes of one role each: one shows pages, others write the answers."""

import asyncio
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.cluster import Cluster
from tests.clusters import Clusters
from tests.processes import free_port

pytestmark = pytest.mark.services

WEB, FIRST, SECOND = range(3)
STATE = "select state, node, epoch from chat_turn where id = %s"


@pytest.fixture(scope="module")
def divided(clusters: Clusters) -> Iterator[Cluster]:
    """A web process and one runner; a second runner that is not started yet."""
    env = {"LEASE_SECONDS": "3", "BEAT_SECONDS": "0.5", "DRAIN_SECONDS": "20"}
    with clusters.make(nodes=0, env=env, relay_options=("--tokens-per-second", "20")) as cluster:
        cluster.add(arguments=("--role", "web"))
        for _ in range(2):
            cluster.add(arguments=("--role", "runner", "--port", str(free_port())))
        cluster.relay.start()
        cluster[WEB].start()
        cluster[FIRST].start()
        yield cluster


def runner_name(cluster: Cluster, number: int) -> str:
    """What a runner calls itself in the database."""
    pattern = f"%:{cluster[number].pid}:%"
    ((name,),) = cluster.rows("select name from chat_node where name like %s", pattern)
    return str(name)


async def test_a_turn_is_written_by_the_runner_and_read_and_stopped_through_the_web_process(
    divided: Cluster,
) -> None:
    async with await divided.open("alice", WEB) as alice:
        accepted = await alice.chat("Write a long essay", model="gpt-4.1")
        await alice.first_text(accepted["turn"])
        ((state, node, _),) = divided.rows(STATE, accepted["turn"])
        assert (state, node) == ("running", runner_name(divided, FIRST))
        assert divided.rows("select count(*) from chat_handover") == [(0,)]
        await alice.send(type="interrupt", turn=accepted["turn"])
        done = await alice.done(accepted["turn"])
    assert done["state"] == "interrupted"
    # The relay saw it too, once.
    assert [each["state"] for each in divided.relay.requests()] == ["left"]


def test_a_runner_answers_probes_where_it_was_given_a_port_and_nothing_else(
    divided: Cluster,
) -> None:
    runner = divided[FIRST]
    assert httpx.get(f"{runner.url}/ready").json() == {"status": "ready"}
    assert httpx.get(f"{runner.url}/accounts/login/").status_code == 404
    assert httpx.get(f"{divided[WEB].url}/accounts/login/").status_code == 200


@pytest.mark.slow
async def test_what_a_killed_runner_wrote_is_adopted_by_another(divided: Cluster) -> None:
    divided[SECOND].start()
    async with await divided.open("alice", WEB) as alice:
        accepted = await alice.chat("Write a long essay", model="gpt-4.1")
        await alice.first_text(accepted["turn"])
        ((_, owner, _),) = divided.rows(STATE, accepted["turn"])
        owns_first = owner == runner_name(divided, FIRST)
        divided[FIRST if owns_first else SECOND].kill()
        done = await alice.done(accepted["turn"])
    assert done["state"] == "orphaned"
    # Once at least: who adopts on a machine that stands still may be adopted from in turn.
    assert divided.rows(STATE, accepted["turn"])[0][2] >= 2


async def test_a_runner_that_drains_ends_what_it_writes_and_without_another_nothing_is_taken(
    divided: Cluster,
) -> None:
    """That the others are chosen while one drains is shown in tests/turns."""
    (last,) = (divided[each] for each in (FIRST, SECOND) if divided[each].running())
    options = {"max_tokens": 128}
    async with await divided.open("alice", WEB) as alice:
        turns = [
            (await alice.chat("Write a long essay", model="gpt-4.1", options=options))["turn"]
            for _ in range(4)
        ]
        for turn in turns:
            await alice.first_text(turn)
        assert await asyncio.to_thread(last.terminate) == 0
        for turn in turns:
            assert (await alice.done(turn))["state"] == "completed"
        before = divided.rows("select count(*) from chat_turn")
        refused = await alice.chat("Is anybody there?", model="gpt-4.1")
    assert (refused["type"], refused["code"]) == ("error", "restarting")
    assert refused["retry_after_seconds"] > 0
    assert re.match("No process that writes answers runs right now", refused["message"])
    assert divided.rows("select count(*) from chat_turn") == before
    assert divided.rows("select count(*) from chat_handover") == [(0,)]
