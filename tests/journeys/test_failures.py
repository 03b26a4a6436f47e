"""What people meet when something goes wrong: what happened, what it cost, what to do."""

import re
import time

import pytest
from playwright.sync_api import expect

from tests.journeys.desk import Desks
from tests.journeys.relay import RelayScripts
from tests.servers import TramServer

LOST_SOCKET = r"WebSocket connection to .* failed"
NO_ANSWER = r"ERR_CONNECTION_(REFUSED|RESET)|ERR_EMPTY_RESPONSE"


@pytest.mark.slow
def test_a_budget_too_small_puts_the_text_back_and_says_what_is_left(
    desks: Desks, site: TramServer
) -> None:
    charlie = desks("charlie").go()
    site.manage("grantcredit", "Other", "-4.999")
    charlie.choose_model("sonnet")
    charlie.send("These words shall not be lost")
    expect(charlie.reason).to_have_text(
        re.compile(r"The budget has \$0\.0010* left and this may cost \$0\.\d+\. Choose a cheaper")
    )
    expect(charlie.composer).to_have_value("These words shall not be lost")
    expect(charlie.messages).to_have_count(0)
    charlie.reload()
    expect(charlie.composer).to_have_value("These words shall not be lost")
    site.manage("grantcredit", "Other", "4")
    charlie.composer.press("Enter")
    expect(charlie.question).to_contain_text("These words shall not be lost")
    expect(charlie.reason).to_be_hidden()
    charlie.wait_ended()


def test_an_empty_budget_is_told_with_who_can_raise_it(desks: Desks, site: TramServer) -> None:
    bob = desks("bob").go()
    budget = bob.page.evaluate("fetch('/api/budget').then((answer) => answer.json())")
    remaining_usd = f"{budget['remaining_nano_usd'] / 10**9:.9f}"
    site.manage("grantcredit", "Demo", f"-{remaining_usd}")
    try:
        bob.reload()
        expect(bob.reason).to_have_text("The budget is used up. alice can raise it.")
        expect(bob.page.locator(".budget")).to_have_attribute("data-level", "empty")
    finally:
        site.manage("grantcredit", "Demo", remaining_usd)


def test_a_broken_answer_keeps_its_text_and_continue_goes_on_from_it(
    desks: Desks, relay: RelayScripts
) -> None:
    alice = desks("alice").go()
    relay.next_breaks_after("The first half, ")
    alice.send("Tell me all of it")
    ending = alice.answer.locator("[data-part=ending-text]")
    expect(ending).to_contain_text("The connection to the model was lost.")
    expect(ending).to_have_text(re.compile(r"It cost \$0\.\d+ estimated\."))
    expect(alice.answer_text).to_contain_text("The first half,")
    relay.next_says("and the second half.")
    alice.answer.get_by_role("button", name="Continue").click()
    expect(alice.answer_text).to_contain_text("The first half, and the second half.")
    alice.wait_ended()
    expect(ending).to_be_hidden()
    alice.reload()
    expect(alice.answer_text).to_contain_text("The first half, and the second half.")


def test_a_refused_answer_costs_nothing_and_retry_asks_again(
    desks: Desks, relay: RelayScripts
) -> None:
    alice = desks("alice").go()
    relay.next("unauthorized")
    alice.send("Is anybody there?")
    ending = alice.answer.locator("[data-part=ending-text]")
    expect(ending).to_contain_text("does not accept this installation's key")
    expect(ending).to_contain_text("Nothing was charged.")
    relay.next_says("Now there is.")
    alice.answer.get_by_role("button", name="Retry").click()
    expect(alice.answer_text).to_have_text("Now there is.")
    alice.wait_ended()
    expect(alice.answer.locator("[data-part=ending]")).to_be_hidden()


def test_a_message_beyond_the_limit_is_not_sent_and_stays(desks: Desks) -> None:
    alice = desks("alice").go()
    alice.composer.fill("x" * 200_001)
    expect(alice.reason).to_contain_text("200,001 characters; the limit is 200,000")
    alice.composer.press("Enter")
    expect(alice.messages).to_have_count(0)
    assert len(alice.composer.input_value()) == 200_001
    alice.composer.fill("short again")
    expect(alice.reason).to_be_hidden()


def test_a_message_to_a_deleted_conversation_comes_back_with_the_reason(
    desks: Desks, relay: RelayScripts
) -> None:
    alice, bob = desks("alice").go(), desks("bob")
    relay.next_says("Gone soon.")
    alice.ask("Short life")
    bob.go(alice.page.url.removeprefix(alice.url))
    conversation = alice.page.url.rstrip("/").rsplit("/", 1)[1]
    alice.page.evaluate(
        """id => fetch(`/api/conversations/${id}`, { method: "DELETE", headers: {
          "X-CSRFToken": document.querySelector("meta[name=csrf-token]").content } })""",
        conversation,
    )
    bob.send("Keep these words")
    expect(bob.reason).to_have_text("This conversation is not there any more, or not for you.")
    expect(bob.composer).to_have_value("Keep these words")


def test_a_relay_that_is_down_is_told_in_the_message(desks: Desks, site: TramServer) -> None:
    alice = desks("alice").go()
    assert site.relay is not None
    site.relay.kill()
    try:
        alice.send("Hello?")
        ending = alice.answer.locator("[data-part=ending-text]")
        expect(ending).to_have_text("The relay did not answer. Nothing was charged.")
    finally:
        site.start_relay()
    alice.answer.get_by_role("button", name="Retry").click()
    expect(alice.answer_text).not_to_be_empty()
    alice.wait_ended()


@pytest.mark.slow
def test_a_restart_of_the_server_is_said_after_two_seconds_and_the_text_is_whole(
    desks: Desks, site: TramServer, relay: RelayScripts
) -> None:
    desks.watch.expect(LOST_SOCKET)
    desks.watch.expect(NO_ANSWER)
    alice = desks("alice").go()
    relay.next_hangs_after("Written before the restart.")
    alice.send("Survive this")
    expect(alice.answer_text).to_have_text("Written before the restart.")
    connection = alice.page.locator("[data-page-target=connection]")
    site.kill()
    lost_at = time.monotonic()
    expect(connection).to_be_visible()
    assert time.monotonic() - lost_at > 1.5
    expect(connection).to_have_text("Reconnecting…")
    site.start()
    expect(connection).to_be_hidden(timeout=20_000)
    expect(alice.answer_text).to_have_text("Written before the restart.")
    alice.wait_ended()
    expect(alice.answer.locator("[data-part=ending-text]")).to_contain_text("server restarted")
    relay.next_says("As if nothing had been.")
    alice.ask("Go on")
    expect(alice.answer_text).to_have_text("As if nothing had been.")
