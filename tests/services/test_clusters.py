"""What the tests of clusters stand on: nodes, doors, and services that end and come back."""

import asyncio

import psycopg
import pytest
import redis

from tests.cluster import Cluster
from tests.clusters import Clusters

pytestmark = [pytest.mark.services, pytest.mark.slow]


async def test_one_login_is_good_at_every_node_and_both_see_what_is_stored(
    cluster: Cluster,
) -> None:
    async with await cluster.open("alice", 0) as here:
        accepted = await here.chat("Say something short", model="gpt-4.1")
        done = await here.done(accepted["turn"])
    assert (done["state"], done["quality"]) == ("completed", "reported")
    stored = cluster.rows("select state from chat_turn where id = %s", accepted["turn"])
    assert stored == [("completed",)] == cluster[1].rows("select state from chat_turn")
    async with await cluster.open("alice", 1) as there:
        await there.send(type="attach", conversation=accepted["conversation"])
        attached = await there.wait_for(lambda frame: frame["type"] == "attached")
        assert attached["turns"] == []
    with cluster.page("alice", 1) as page:
        assert page.get("/").status_code == 200
    assert [each["state"] for each in cluster.relay.requests()] == ["completed"]


def test_services_end_and_come_back_where_they_were_and_doors_shut(clusters: Clusters) -> None:
    with clusters.make(nodes=0, doors=True) as cluster:
        behind = cluster.env["DATABASE_URL"]
        with psycopg.connect(behind) as connection:
            connection.execute("select 1")
        cluster.database_door.shut()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(behind, connect_timeout=2)
        cluster.database_door.open()
        cluster.postgresql.kill()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(behind, connect_timeout=5)
        cluster.postgresql.start()
        assert cluster.rows("select count(*) from chat_turn") == [(0,)]

        with redis.Redis.from_url(cluster.env["REDIS_URL"], socket_timeout=1) as client:
            client.set("a", "b")
            cluster.redis_door.mute()
            with pytest.raises(redis.TimeoutError):
                client.get("a")
            cluster.valkey.kill()
            cluster.valkey.start()
            cluster.redis_door.open()
            assert client.get("a") is None


async def test_without_redis_two_nodes_answer_beside_each_other(clusters: Clusters) -> None:
    with clusters.make(nodes=1, redis=False) as cluster:
        second = cluster.add()
        cluster.start()
        assert second.running()
        for at in range(len(cluster)):
            async with await cluster.open("bob", at) as bob:
                accepted = await asyncio.wait_for(bob.chat("Short", model="gpt-4.1"), 60)
                assert (await bob.done(accepted["turn"]))["state"] == "completed"
