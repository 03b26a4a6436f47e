"""Sending, watching the answer come, stopping it, and finding it again."""

import re

from playwright.sync_api import expect

from tests.journeys.desk import Desks
from tests.journeys.relay import ENDING, Act, RelayScripts

WORDS = " ".join(f"word{number}" for number in range(400)) + " and the end."
SLOW_STEPS: list[Act] = [{"act": "say", "tokens": 20}, {"act": "wait", "seconds": 0.05}] * 20


def test_an_answer_grows_while_it_comes_and_ends_with_its_cost(
    desks: Desks, relay: RelayScripts
) -> None:
    alice = desks("alice").go()
    lengths = alice.record_growth()
    relay.next_says_slowly(WORDS, tokens=20, pause_seconds=0.05)
    alice.send("Count for me")
    expect(alice.question).to_contain_text("Count for me")
    expect(alice.composer).to_have_value("")
    alice.wait_ended()
    expect(alice.answer_text).to_have_text(WORDS)
    assert len([length for length in lengths() if 0 < length < len(WORDS)]) >= 5
    facts = alice.answer.locator("[data-part=facts]")
    expect(facts).to_contain_text("tokens · $")
    expect(facts).to_contain_text("reported")
    expect(alice.shown_title).to_have_text("Count for me")
    expect(alice.conversations.first).to_have_text("Count for me")
    expect(alice.page.locator(".budget-text")).to_have_text(
        re.compile(r"\$4\.\d+ left\s*of \$5\.00")
    )
    assert "/c/" in alice.page.url


def test_the_live_region_says_only_that_an_answer_began_and_ended(
    desks: Desks, relay: RelayScripts
) -> None:
    alice = desks("alice").go()
    alice.page.evaluate(
        """() => {
          window.said = [];
          const region = document.querySelector("[data-page-target=live]");
          new MutationObserver(() => window.said.push(region.textContent))
            .observe(region, { childList: true, characterData: true, subtree: true });
        }"""
    )
    relay.next_says_slowly("One two three four five. " * 10, tokens=5, pause_seconds=0.02)
    alice.ask("Speak")
    expect(alice.announced).to_have_text("Answer ready, 50 words")
    assert alice.page.evaluate("window.said") == ["Answering", "Answer ready, 50 words"]
    assert alice.announced.get_attribute("aria-live") == "polite"


def test_stop_keeps_what_came_and_says_what_it_cost(desks: Desks, relay: RelayScripts) -> None:
    alice = desks("alice").go()
    relay.next_hangs_after("This much was said.")
    alice.send("Begin and be stopped")
    expect(alice.answer_text).to_have_text("This much was said.")
    alice.wait_running()
    alice.page.get_by_role("button", name="Stop", exact=True).click()
    alice.wait_ended()
    expect(alice.answer_text).to_have_text("This much was said.")
    ending = alice.answer.locator("[data-part=ending-text]")
    expect(ending).to_have_text(re.compile(r"stopped · \$0\.\d+ estimated"))
    assert relay.streams()["open"] == 0


def test_escape_stops_before_the_first_word(desks: Desks, relay: RelayScripts) -> None:
    alice = desks("alice").go()
    relay.next("silent")
    alice.send("Say nothing")
    alice.wait_running()
    relay.wait_until_asked()
    alice.page.keyboard.press("Escape")
    alice.wait_ended()
    expect(alice.answer.locator("[data-part=ending-text]")).to_contain_text("stopped")
    expect(alice.answer.get_by_role("button", name="Retry")).to_be_visible()


def test_stop_is_there_after_a_reload(desks: Desks, relay: RelayScripts) -> None:
    alice = desks("alice").go()
    relay.next_hangs_after("Said before the reload.")
    alice.send("Begin, then reload")
    expect(alice.answer_text).to_have_text("Said before the reload.")
    alice.reload()
    alice.wait_running()
    expect(alice.answer_text).to_have_text("Said before the reload.")
    alice.act.click()
    alice.wait_ended()
    expect(alice.answer.locator("[data-part=ending-text]")).to_contain_text("estimated")


def test_an_answer_goes_on_after_a_reload_to_the_same_end(
    desks: Desks, relay: RelayScripts
) -> None:
    alice = desks("alice").go()
    # Long enough for a reload on a slow machine, then the rest in steps.
    steps: list[Act] = [
        {"act": "say", "tokens": 30},
        {"act": "wait", "seconds": 3},
        *SLOW_STEPS,
        {"act": "say"},
    ]
    relay.next([{"act": "text", "text": WORDS}, *steps, *ENDING])
    alice.send("Do not mind the reload")
    before = alice.wait_longer_than(60)
    alice.reload()
    lengths = alice.record_growth()
    expect(alice.answer).to_have_attribute("data-live", "")
    alice.wait_longer_than(before)
    alice.wait_ended()
    assert len([length for length in lengths() if before < length < len(WORDS)]) >= 3
    expect(alice.answer_text).to_have_text(WORDS)
    alice.reload()
    expect(alice.answer_text).to_have_text(WORDS)


def test_a_second_tab_shows_the_same_and_may_stop_it(desks: Desks, relay: RelayScripts) -> None:
    alice = desks("alice").go()
    relay.next([{"act": "text", "text": WORDS}, {"act": "say", "tokens": 100}, {"act": "hang"}])
    alice.send("Look twice")
    expect(alice.answer_text).to_contain_text("word49")
    other = alice.second_tab()
    other.wait_running()
    expect(other.answer_text).to_have_text(alice.answer_text.inner_text())
    other.act.click()
    alice.wait_ended()
    other.wait_ended()
    expect(other.answer_text).to_have_text(alice.answer_text.inner_text())
    expect(alice.answer.locator("[data-part=ending-text]")).to_contain_text("stopped")


def test_bob_sees_the_answer_to_alice_as_it_comes(desks: Desks, relay: RelayScripts) -> None:
    alice, bob = desks("alice").go(), desks("bob")
    alice.ask("Come and look, Bob. Be short")
    bob.page.goto(alice.page.url)
    expect(bob.question.locator("[data-part=name]")).to_have_text("alice")
    expect(alice.page.locator(".room-people")).to_have_accessible_name("Also here: bob")
    relay.next([{"act": "text", "text": WORDS}, {"act": "say", "tokens": 100}, {"act": "hang"}])
    alice.send("And now count")
    expect(bob.question).to_contain_text("And now count")
    expect(bob.answer_text).to_contain_text("word20")
    expect(bob.answer).to_have_attribute("data-live", "")
    bob.wait_running()
    alice.act.click()
    bob.wait_ended()
    expect(bob.answer.locator("[data-part=ending-text]")).to_contain_text("stopped")
    expect(bob.answer_text).to_have_text(alice.answer_text.inner_text())
