"""`manage.py serve --workers 2`: one port, two processes, on PostgreSQL and Valkey."""

import asyncio
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from tests.cluster import Cluster, Node
from tests.clusters import Clusters
from tests.processes import free_port

pytestmark = pytest.mark.services

SERVES = re.compile(r"worker (\d) \(process (\d+)\) serves")
METRICS = {"METRICS_TOKEN": "for-scraping-tests"}
SCRAPER = {"Authorization": "Bearer for-scraping-tests"}
WAIT_SECONDS = 60.0


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def pids(site: Node) -> dict[int, int]:
    """The process that serves now in each slot."""
    return {int(slot): int(pid) for slot, pid in SERVES.findall(site.log)}


def alive(workers: dict[int, int]) -> bool:
    """Whether any of these processes lives."""
    return any(psutil.pid_exists(pid) for pid in workers.values())


def leases(cluster: Cluster) -> set[int]:
    """The processes that have a lease, or died with one."""
    return {int(name.split(":")[1]) for (name,) in cluster.rows("select name from chat_node")}


@pytest.fixture(scope="module")
def family(clusters: Clusters) -> Iterator[Cluster]:
    """One node whose process is the parent of two workers."""
    probes = free_port()
    while probes % 2:
        probes = free_port()
    # Answers that take longer than two workers to begin.
    with clusters.make(nodes=0, relay_options=("--tokens-per-second", "20")) as cluster:
        env = {**METRICS, "PROBE_PORT": str(probes), "DRAIN_SECONDS": "30"}
        cluster.add(env, arguments=("--workers", "2"))
        cluster.start()
        yield cluster


def test_each_worker_has_a_lease_and_tells_of_itself_at_a_port_of_its_own(family: Cluster) -> None:
    site = family[0]
    assert f"listening on {site.url} with 2 workers" in site.log
    assert leases(family) == set(pids(site).values())
    first = int(site.env["PROBE_PORT"])
    started = set()
    for port in (first, first + 1):
        assert httpx.get(f"http://127.0.0.1:{port}/ready").json() == {"status": "ready"}
        told = httpx.get(f"http://127.0.0.1:{port}/metrics", headers=SCRAPER).text
        started.add(re.search(r"process_start_time_seconds (\S+)", told))
        # The site itself is not there.
        assert httpx.get(f"http://127.0.0.1:{port}/accounts/login/").status_code == 404
    assert len(started) == 2
    assert httpx.get(f"{site.url}/accounts/login/").status_code == 200


def test_one_that_is_killed_is_replaced_while_the_other_serves(family: Cluster) -> None:
    site = family[0]
    before = pids(site)
    psutil.Process(before[1]).kill()
    # Whoever connects now gets to the one that lives.
    for _ in range(20):
        assert httpx.get(f"{site.url}/ready").status_code == 200
    until(lambda: pids(site)[1] != before[1])
    assert pids(site)[2] == before[2]
    assert psutil.pid_exists(pids(site)[1])


async def test_a_rolling_restart_refuses_nobody_and_lets_turns_end(family: Cluster) -> None:
    site = family[0]
    before = pids(site)
    answers: list[int | str] = []
    stop = threading.Event()

    def ask(keeps: bool) -> None:
        """Over one connection that is kept, or a new one each time."""
        with httpx.Client(base_url=site.url, timeout=60) as kept:
            while not stop.is_set():
                try:
                    answer = kept.get("/ready") if keeps else httpx.get(f"{site.url}/ready")
                    answers.append(answer.status_code)
                except httpx.HTTPError as error:
                    answers.append(repr(error))
                time.sleep(0.02)

    async with await family.open("alice") as alice:
        options = {"max_tokens": 256}
        accepted = await alice.chat("Write a long essay", model="gpt-4.1", options=options)
        with ThreadPoolExecutor(2) as threads:
            for keeps in (True, False):
                threads.submit(ask, keeps)
            try:
                site.signal(signal.SIGHUP)
                await asyncio.to_thread(until, lambda: not alive(before))
            finally:
                stop.set()
        assert await alice.wait_closed() == 4012
    assert answers
    assert set(answers) == {200}
    ended = family.rows("select state from chat_turn where id = %s", accepted["turn"])
    assert ended == [("completed",)]
    # Those that have ended left no lease behind.
    assert not leases(family) & set(before.values())
    assert leases(family) >= set(pids(site).values())


def test_they_drain_when_their_parent_is_killed(family: Cluster) -> None:
    site = family[0]
    workers = pids(site)
    site.kill()
    until(lambda: not alive(workers))
    assert not leases(family) & set(workers.values())
    assert "Traceback" not in site.log
