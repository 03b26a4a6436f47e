"""Whatever the tab or the network does, the answer in the page is whole."""

import copy
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.journeys.bridge import Bridge
from tests.journeys.desk import Desk, Desks
from tests.journeys.relay import QUICK_RELAY, RelayScripts
from tests.servers import TramServer

WORDS = " ".join(f"word{number}" for number in range(400))
# What a browser says by itself of connections that break.
LEAP_SECONDS = 5.0
"""A clock that leaps so far tells the page that it slept."""
LOST = r"WebSocket (connection )?(to .*failed|is closed)|ERR_[A-Z_]+"


@pytest.fixture(scope="module")
def bridge() -> Iterator[Bridge]:
    """Lead every browser to the site over a bridge."""
    with Bridge() as bridge:
        yield bridge


@pytest.fixture(scope="module")
def site(
    built_page: None,
    server_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    bridge: Bridge,
) -> Iterator[TramServer]:
    """Run a site that people reach over the bridge."""
    folder = tmp_path_factory.mktemp("site")
    env = {"ORIGINS": bridge.url}
    with TramServer(folder, server_template, env, relay_options=QUICK_RELAY) as server:
        bridge.lead_to(int(server.env["PORT"]))
        reached = copy.copy(server)
        reached.url = bridge.url
        yield reached


def line(desk: Desk) -> Locator:
    return desk.page.locator("[data-page-target=connection]")


def asks_slowly(desk: Desk, relay: RelayScripts, *, pause_seconds: float = 0.4) -> None:
    """Ask for 400 words in about twenty steps, and wait until the first are there."""
    relay.next_says_slowly(WORDS, tokens=30, pause_seconds=pause_seconds)
    desk.send("Do not mind the network")
    desk.wait_longer_than(60)
    record_losses(desk)


def record_losses(desk: Desk) -> None:
    """Note every time that the newest answer becomes shorter, and what the line says."""
    desk.page.evaluate(
        """() => {
          window.takenBack = [];
          window.said = [];
          let longest = 0;
          new MutationObserver(() => {
            const texts = document.querySelectorAll('[data-role=assistant] > [data-part=text]');
            const { length } = [...texts].at(-1)?.textContent ?? '';
            if (length < longest) window.takenBack.push([longest, length]);
            longest = Math.max(longest, length);
          }).observe(document.querySelector('.messages'),
                     { childList: true, characterData: true, subtree: true });
          const line = document.querySelector('[data-page-target=connection]');
          new MutationObserver(() => window.said.push(line.textContent))
            .observe(line, { childList: true });
        }"""
    )


def assert_whole(desk: Desk, site: TramServer) -> None:
    """The page has every character once, took none back, and the site counted no mismatch."""
    desk.wait_ended()
    expect(desk.answer_text).to_have_text(WORDS)
    assert desk.page.evaluate("window.takenBack") == []
    assert "text_mismatch" not in site.log


def test_without_a_network_that_is_said_and_then_that_nothing_was_lost(
    desks: Desks, relay: RelayScripts, site: TramServer, bridge: Bridge
) -> None:
    desks.watch.expect(LOST)
    alice = desks("alice").go()
    asks_slowly(alice, relay)
    alice.page.context.set_offline(True)
    # The browser's switch does not reach sockets that are open.
    bridge.lose()
    expect(line(alice)).to_have_text("No network. This page goes on as soon as there is one.")
    alice.page.context.set_offline(False)
    expect(line(alice)).to_have_text("Back. Nothing was lost.")
    assert_whole(alice, site)
    expect(line(alice)).to_have_text("")


def test_a_page_that_slept_has_the_whole_answer_soon_after_it_wakes(
    desks: Desks, relay: RelayScripts, site: TramServer, bridge: Bridge, browser: Browser
) -> None:
    desks.watch.expect(LOST)
    alice = desks("alice").go()
    asks_slowly(alice, relay)
    with asleep(browser):
        # Meanwhile the connection dies without a word, and the answer is written to its end.
        bridge.lose()
        wait_until_written(relay)
        time.sleep(LEAP_SECONDS)
    woke_at = time.monotonic()
    assert_whole(alice, site)
    print(f"whole {time.monotonic() - woke_at:.1f} s after waking")


def test_a_socket_that_breaks_again_and_again_costs_nothing(
    desks: Desks, relay: RelayScripts, site: TramServer, bridge: Bridge
) -> None:
    desks.watch.expect(LOST)
    alice = desks("alice").go()
    # A page that is slow itself must not be taken for a dead one.
    alice.page.context.new_cdp_session(alice.page).send(
        "Emulation.setCPUThrottlingRate", {"rate": 4}
    )
    asks_slowly(alice, relay)
    for _ in range(6):
        shown = len(alice.answer_text.inner_text())
        bridge.cut()
        if alice.answer.get_attribute("data-live") is None:
            break
        alice.wait_longer_than(min(shown, len(WORDS) - 1))
    assert_whole(alice, site)
    print("the line said:", alice.page.evaluate("window.said"))


def test_a_reload_and_a_second_tab_join_in_the_middle(
    desks: Desks, relay: RelayScripts, site: TramServer, bridge: Bridge
) -> None:
    desks.watch.expect(LOST)
    alice = desks("alice").go()
    asks_slowly(alice, relay)
    other = alice.second_tab()
    other.wait_longer_than(60)
    record_losses(other)
    alice.reload()
    record_losses(alice)
    alice.wait_longer_than(60)
    bridge.cut()
    assert_whole(alice, site)
    assert_whole(other, site)


def test_a_message_sent_into_a_broken_line_is_answered_once(
    desks: Desks, relay: RelayScripts, site: TramServer, bridge: Bridge
) -> None:
    desks.watch.expect(LOST)
    alice = desks("alice").go()
    relay.next_says("Good day.")
    alice.ask("Hello")
    bridge.break_down()
    try:
        expect(line(alice)).to_have_text("Reconnecting…")
        relay.next_says("Only once.")
        alice.send("Sent without a line")
        expect(alice.question).to_contain_text("Sent without a line")
    finally:
        bridge.mend()
    expect(alice.answer_text).to_have_text("Only once.")
    alice.wait_ended()
    asked = site.rows("select count(*) from chat_message where content = ?", "Sent without a line")
    assert asked == [(1,)]
    expect(alice.messages).to_have_count(4)


@contextmanager
def asleep(browser: Browser) -> Iterator[None]:
    """Stop the processes of all pages, as a machine does that sleeps."""
    told = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
    pages = [int(each["id"]) for each in told["processInfo"] if each["type"] == "renderer"]
    assert pages
    for pid in pages:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pages:
            os.kill(pid, signal.SIGCONT)


def wait_until_written(relay: RelayScripts, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while relay.streams()["open"]:
        assert time.monotonic() < deadline, "the relay still writes"
        time.sleep(0.05)
