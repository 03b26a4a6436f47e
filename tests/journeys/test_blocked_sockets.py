"""Where something on the way kills sockets, the page works on over plain HTTP, and says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.journeys.blocking import BlockingBridge
from tests.journeys.desk import Desk, Desks
from tests.journeys.relay import RelayScripts
from tests.journeys.resuming import (
    LOST,
    WORDS,
    asks_slowly,
    assert_whole,
    line,
    record_losses,
    site_over,
)
from tests.journeys.test_branches import edit_to
from tests.servers import TramServer

BLOCKED = "The live connection is blocked here. Answers still stream."


@pytest.fixture(scope="module")
def bridge() -> Iterator[BlockingBridge]:
    """Lead every browser to the site past a proxy that refuses upgrades."""
    with BlockingBridge() as bridge:
        yield bridge


@pytest.fixture(scope="module")
def site(
    built_page: None,
    server_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    bridge: BlockingBridge,
) -> Iterator[TramServer]:
    """Run a site that people reach past the proxy."""
    with site_over(bridge, tmp_path_factory.mktemp("site"), server_template) as reached:
        yield reached


def open_page(desks: Desks, name: str = "alice") -> Desk:
    desks.watch.expect(LOST)
    desk = desks(name).go()
    expect(line(desk)).to_have_text(BLOCKED)
    return desk


def test_answers_stream_stop_go_on_and_survive_a_reload_without_sockets(
    desks: Desks, relay: RelayScripts, site: TramServer
) -> None:
    alice = open_page(desks)
    asks_slowly(alice, relay)
    expect(line(alice)).to_have_text(BLOCKED)
    other = alice.second_tab()
    other.wait_longer_than(60)
    record_losses(other)
    alice.reload()
    alice.wait_longer_than(120)
    record_losses(alice)
    assert_whole(alice, site)
    assert_whole(other, site)

    # Another message in the same conversation, stopped; the other tab sees its end.
    asks_slowly(alice, relay, pause_seconds=2)
    alice.act.click()
    alice.wait_ended()
    other.wait_ended()
    stopped = alice.answer_text.inner_text()
    assert 60 < len(stopped) < len(WORDS)
    expect(other.answer_text).to_have_text(stopped)

    # And one by the other tab, begun while the first looks on.
    relay.next_says("Said in the other tab")
    other.ask("And you?")
    expect(alice.answer_text).to_have_text("Said in the other tab")
    alice.wait_ended()


@pytest.mark.slow
def test_a_message_is_edited_and_a_cut_answer_gone_on_with_without_sockets(
    desks: Desks, relay: RelayScripts
) -> None:
    bob = open_page(desks, "bob")
    relay.next_says("First")
    bob.ask("One")
    relay.next_breaks_after("The second answer is cut")
    bob.use("Edit", bob.question)
    edit_to(bob, "Two")
    expect(bob.answer).to_contain_text("The second answer is cut")
    relay.next_says(" and goes on.")
    bob.answer.get_by_role("button", name="Continue").click()
    expect(bob.answer_text).to_have_text("The second answer is cut and goes on.")
    bob.wait_ended()
    relay.next_says("Once more")
    bob.use("Answer again", bob.answer)
    bob.again.get_by_role("button", name="Answer again").click()
    expect(bob.answer_text).to_have_text("Once more")
    bob.wait_ended()


def test_the_page_goes_back_to_the_socket_when_it_is_let_through(
    desks: Desks, relay: RelayScripts, site: TramServer, bridge: BlockingBridge
) -> None:
    alice = open_page(desks)
    asks_slowly(alice, relay)
    with alice.page.expect_websocket() as opened:
        bridge.blocks = False
        alice.page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(line(alice)).to_have_text("")
    assert_whole(alice, site)
    frames: list[str] = []
    opened.value.on("framesent", lambda frame: frames.append(str(frame)))
    relay.next_says("By the socket")
    expect(alice.ask("Which way?")).to_contain_text("By the socket")
    assert any("Which way?" in frame for frame in frames)
    bridge.blocks = True
