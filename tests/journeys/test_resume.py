"""Whatever the tab or the network does, the answer in the page is whole."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.bridge import Bridge
from tests.journeys.desk import Desks
from tests.journeys.relay import RelayScripts
from tests.journeys.resuming import (
    LEAP_SECONDS,
    LOST,
    WORDS,
    asks_slowly,
    asleep,
    assert_whole,
    line,
    record_losses,
    site_over,
    wait_until_written,
)
from tests.servers import TramServer


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
    with site_over(bridge, tmp_path_factory.mktemp("site"), server_template) as reached:
        yield reached


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


@pytest.mark.slow
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


@pytest.mark.slow
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
