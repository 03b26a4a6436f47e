"""How a process that is alone ends: what its clients see, in which order, and with which status."""

import asyncio
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.servers import TramServer
from tests.socket_client import SocketClient

WAIT_SECONDS = 60.0


@contextmanager
def hanging(site: TramServer) -> Iterator[None]:
    """A client that never finishes what it asks."""
    host, port = site.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"POST /accounts/login/ HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc")
        yield


async def until_it_drains(site: TramServer) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while httpx.get(f"{site.url}/ready").status_code != 503:
            await asyncio.sleep(0.02)


async def test_a_drain_says_goodbye_lets_turns_end_settles_the_rest_and_ends_with_status_0(
    tmp_path: Path, server_template: Path
) -> None:
    env = {"DRAIN_SECONDS": "6", "CLOSE_SPREAD_SECONDS": "0"}
    with TramServer(tmp_path / "site", server_template, env=env) as site:
        alice = site.sign_in("alice")
        headers = site.socket_headers(alice)
        alice.close()
        async with await SocketClient.open(site.ws_url, headers) as client:
            for words in ("Write something short", "Write a very long essay"):
                accepted = await client.chat(words, model="gpt-4.1")
                await client.first_text(accepted["turn"])
            with hanging(site):
                site.signal(signal.SIGTERM)
                assert await client.wait_closed() == 4012
                await until_it_drains(site)
                # Its pages say so meanwhile, and a new socket is told at once.
                page = httpx.get(site.url)
                assert (page.status_code, page.headers["retry-after"]) == (503, "3")
                assert "Tram is restarting" in page.text
                again = await SocketClient.open(site.ws_url, headers, ready=False)
                assert await again.wait_closed() == 4012
                await again.close()
                assert await asyncio.to_thread(site._child.wait) == 0
        ends = site.rows("select state, error_code from chat_turn order by created_at")
        assert ends == [("completed", ""), ("interrupted", "restarting")]
        assert site.rows("select count(*) from chat_node") == [(0,)]
        assert site.rows("select sum(debits_pending_nano_usd) from billing_account") == [(0,)]
        assert "Traceback" not in site.log


def test_a_signal_while_it_starts_ends_it_with_status_0(
    tmp_path: Path, server_template: Path
) -> None:
    site = TramServer(tmp_path / "site", server_template, relay=False)
    child = site._child
    child.start()
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        # It is bound long before it serves.
        while not is_bound(int(site.env["PORT"])):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        assert "listening" not in site.log
        assert child.terminate() == 0
        assert "Traceback" not in site.log
    finally:
        child.kill()


def is_bound(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="asks the system which signals are caught")
def test_a_signal_while_it_only_loads_ends_it_with_status_0_too(
    tmp_path: Path, server_template: Path
) -> None:
    site = TramServer(tmp_path / "site", server_template, relay=False)
    child = site._child
    child.start()
    try:
        handles = Path(f"/proc/{child.pid}/status")
        deadline = time.monotonic() + WAIT_SECONDS
        # The program's own first handler, long before anything is bound.
        while not catches(handles, signal.SIGTERM):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        assert not is_bound(int(site.env["PORT"]))
        assert child.terminate() == 0
        assert site.log == ""
    finally:
        child.kill()


def catches(status: Path, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal, as Linux tells."""
    (caught,) = (line for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)
