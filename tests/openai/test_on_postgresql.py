"""Two processes on PostgreSQL: one answer and one payment wherever a request is repeated."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from uuid import uuid4

import httpx
import pytest

from tests.cluster import Cluster
from tests.clusters import Clusters
from tests.openai.program import PATH, Program, make_key, question
from tests.openai.test_ends import LONG, Reader
from tests.openai.test_repeats import text_of
from tests.openai.waiting import eventually
from tests.sockets.conftest import QUICK

pytestmark = [pytest.mark.services, pytest.mark.slow]


@pytest.fixture(scope="module")
def site(clusters: Clusters) -> Iterator[Cluster]:
    """Two processes of one site; the first one has its turns run by the other."""
    made = clusters.make(nodes=0, relay_options=QUICK)
    made.add(arguments=("--role", "web"))
    made.add()
    with made:
        yield made


@pytest.fixture
def programs(site: Cluster) -> Iterator[list[Program]]:
    """The same program at either process."""
    key = make_key(site[0], "alice")
    with ExitStack() as stack:
        yield [stack.enter_context(Program(site[at], key)) for at in range(2)]


def test_one_request_at_two_processes_at_once_is_one_turn(
    site: Cluster, programs: list[Program]
) -> None:
    again, body = {"Idempotency-Key": str(uuid4())}, question(stream=True)
    before = site.rows("SELECT count(*) FROM billing_settlement")[0][0]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda at: programs[at % 2].post(body, again), range(6)))
    assert len({answer.headers["x-request-id"] for answer in answers}) == 1
    texts = {text_of(answer.text) for answer in answers}
    assert len(texts) == 1
    assert texts.pop()
    assert site.rows("SELECT count(*) FROM billing_settlement") == [(before + 1,)]
    assert site.rows("SELECT sum(held_nano_usd) FROM billing_budget") == [(0,)]


def test_who_leaves_stops_what_it_began_and_pays_for_what_came(
    site: Cluster, programs: list[Program]
) -> None:
    site.relay.queue([LONG])
    with programs[0].http.stream("POST", PATH, json=question(stream=True)) as answer:
        lines = answer.iter_lines()
        while not next(lines).startswith("data: "):
            pass
        turn = answer.headers["x-request-id"]
    how = "SELECT state, cost_nano_usd > 0 FROM chat_turn WHERE id = %s"
    eventually(lambda: site.rows(how, turn) == [("interrupted", True)])
    assert site.rows("SELECT sum(held_nano_usd) FROM billing_budget") == [(0,)]


def test_who_leaves_before_the_first_word_stops_what_another_process_runs(
    site: Cluster, programs: list[Program]
) -> None:
    running = "SELECT count(*) FROM chat_turn WHERE state = 'running'"
    site.relay.queue([{"act": "hang"}])
    with pytest.raises(httpx.ReadTimeout):
        programs[0].http.post(PATH, json=question(), timeout=0.5)
    left_at = time.monotonic()
    eventually(lambda: site.rows(running) == [(0,)] and site.relay.streams() == 0)
    assert time.monotonic() - left_at < 2.0
    assert site.rows("SELECT sum(held_nano_usd) FROM billing_budget") == [(0,)]


def test_a_key_that_is_revoked_at_one_process_ends_its_streams_at_the_other(
    site: Cluster, programs: list[Program]
) -> None:
    site.relay.queue([LONG])
    reader = Reader(programs[0], question(stream=True))
    eventually(lambda: len(reader.data) > 3)
    ((id,),) = site.rows("SELECT max(id) FROM accounts_apikey")
    with closing(site[1].sign_in("alice")) as alice:
        assert alice.post(f"/keys/{id}/revoke/").status_code == 302
        revoked_at = time.monotonic()
    assert reader.error()["code"] == "invalid_api_key"
    assert reader.ended_at - revoked_at < 2.0
