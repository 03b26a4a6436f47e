"""Answers that come slowly enough for something to happen to them, and what must then be true."""

import copy
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Locator, expect

from tests.journeys.bridge import Bridge
from tests.journeys.desk import Desk
from tests.journeys.relay import QUICK_RELAY, RelayScripts
from tests.servers import TramServer

WORDS = " ".join(f"word{number}" for number in range(400))
LEAP_SECONDS = 5.0
"""A clock that leaps so far tells the page that it slept."""
# What a browser says by itself of connections that break.
LOST = r"WebSocket (connection )?(to .*failed|is closed)|ERR_[A-Z_]+"


@contextmanager
def site_over(bridge: Bridge, folder: Path, template: Path) -> Iterator[TramServer]:
    """A site that people reach over a bridge."""
    env = {"ORIGINS": bridge.url}
    with TramServer(folder, template, env, relay_options=QUICK_RELAY) as server:
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


def assert_whole(desk: Desk, *sites: TramServer) -> None:
    """The page has every character once, took none back, and no site counted a mismatch."""
    desk.wait_ended()
    expect(desk.answer_text).to_have_text(WORDS)
    assert desk.page.evaluate("window.takenBack") == []
    assert not [site for site in sites if "text_mismatch" in site.log]


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
