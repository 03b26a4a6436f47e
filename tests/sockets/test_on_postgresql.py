"""The same job on PostgreSQL and Valkey: stream, stop, come back, sign out, an exact ledger."""

import uuid
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from tests.servers import TramServer
from tests.socket_client import SocketClient

pytestmark = [pytest.mark.services, pytest.mark.slow]


@pytest.fixture(scope="module")
def database_url(postgresql_url: str) -> str:
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE tram_sockets")
    return postgresql_url.replace("/postgres", "/tram_sockets")


@pytest.fixture(scope="module")
def clustered(
    database_url: str, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TramServer]:
    """The site as it runs on many machines, though here there is one."""
    env = {"DATABASE_URL": database_url, "REDIS_URL": valkey_url}
    server = TramServer(tmp_path_factory.mktemp("clustered"), env=env)
    server.manage("migrate", "--verbosity", "0")
    server.manage("seeddemo")
    with server:
        yield server


def rows(database_url: str, query: str, *values: object) -> list[tuple[object, ...]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute(query, values).fetchall()


async def test_an_answer_a_stop_and_a_sign_out_on_postgresql(
    clustered: TramServer, database_url: str
) -> None:
    with closing(clustered.sign_in("alice")) as signed_in:
        alice = await SocketClient.open(clustered.ws_url, clustered.socket_headers(signed_in))
        whole = await alice.chat("Say something short", model="gpt-4.1")
        done = await alice.done(whole["turn"])
        assert (done["state"], done["quality"]) == ("completed", "reported")

        cut = await alice.chat("Write something long", model="gpt-4.1")
        await alice.first_text(cut["turn"])
        journaled = rows(
            database_url,
            "select count(*) from chat_journalchunk where turn_id = %s",
            uuid.UUID(cut["turn"]),
        )
        assert journaled[0][0] != 0, "what was shown had been stored"
        await alice.send(type="interrupt", turn=cut["turn"])
        assert (await alice.done(cut["turn"]))["state"] == "interrupted"

        signed_in.post("/accounts/logout/")
        assert await alice.wait_closed() == 4401
        await alice.close()
    settled = rows(database_url, "select quality from billing_settlement order by id")
    assert settled == [("reported",), ("estimated",)]
    assert rows(database_url, "select sum(held_nano_usd) from billing_budget") == [(0,)]
    clustered.manage("verifyledger")
    kept = rows(
        database_url,
        "select content from chat_message where id = %s",
        uuid.UUID(cut["assistant_message"]),
    )
    assert kept == [(alice.turns[cut["turn"]].content,)]
