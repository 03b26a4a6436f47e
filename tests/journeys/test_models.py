"""Choosing a model by what it costs."""

import re
import time

from playwright.sync_api import Locator, expect

from tests.journeys.desk import Desk, Desks
from tests.journeys.relay import RelayScripts


def wait_until_gone(desk: Desk, model: str) -> None:
    """Wait until the server says that nobody offers the model."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        items = desk.page.request.get(desk.url + "/api/models").json()["items"]
        if any(item["id"] == model and not item["available"] for item in items):
            return
        desk.page.wait_for_timeout(100)
    raise AssertionError(f"{model} is still offered")


def opened_picker(desk: Desk) -> Locator:
    desk.page.locator(".model-button").click()
    picker = desk.page.get_by_role("dialog", name="Choose a model")
    expect(picker).to_be_visible()
    return picker


def test_the_picker_tells_price_saving_and_that_a_model_is_scripted(desks: Desks) -> None:
    alice = desks("alice").go()
    picker = opened_picker(alice)
    cheap = picker.locator("[data-model='deepseek-v3.2']")
    expect(cheap).to_contain_text("$0.42 in · $0.42 out")
    expect(cheap).to_contain_text("saves 65%")
    expect(cheap).to_contain_text("scripted")
    priceless = picker.locator("[data-model='gpt-4-turbo']")
    expect(priceless).to_be_disabled()
    expect(priceless).to_contain_text("It has no price yet.")


def test_a_model_is_found_and_chosen_by_keyboard_alone(desks: Desks, relay: RelayScripts) -> None:
    alice = desks("alice").go()
    alice.page.locator(".model-button").focus()
    alice.page.keyboard.press("Enter")
    search = alice.page.get_by_role("searchbox", name="Search models")
    expect(search).to_be_focused()
    search.press_sequentially("sonnet")
    expect(alice.page.locator(".model-list .model").first).to_contain_text("Claude Sonnet 4.5")
    search.press("ArrowDown")
    expect(alice.page.locator("[data-model='claude-sonnet-4.5']")).to_be_focused()
    alice.page.keyboard.press("Enter")
    expect(alice.page.locator(".model-button")).to_be_focused()
    expect(alice.page.locator(".model-button")).to_contain_text("Claude Sonnet 4.5")
    expect(alice.page.locator(".model-button")).to_contain_text("$15.00 in")
    alice.ask("Who are you, in short?")
    expect(alice.answer.locator("[data-part=name]")).to_contain_text("Claude Sonnet 4.5")


def test_a_search_without_a_match_says_so(desks: Desks) -> None:
    alice = desks("alice").go()
    picker = opened_picker(alice)
    picker.get_by_role("searchbox").fill("no such model")
    expect(picker.get_by_text("No model has this name.")).to_be_visible()
    alice.page.keyboard.press("Escape")
    alice.page.keyboard.press("Escape")
    expect(picker).to_be_hidden()


def test_each_conversation_remembers_its_model(desks: Desks, relay: RelayScripts) -> None:
    alice = desks("alice").go()
    alice.choose_model("gemini")
    relay.next_says("One.")
    alice.ask("First with Gemini")
    alice.page.keyboard.press("Control+Shift+O")
    alice.choose_model("v3.2")
    relay.next_says("Two.")
    alice.ask("Second with DeepSeek")
    alice.conversations.get_by_text("First with Gemini").click()
    expect(alice.page.locator(".model-button")).to_contain_text("Gemini")
    alice.reload()
    expect(alice.page.locator(".model-button")).to_contain_text("Gemini")


def test_the_price_is_told_before_sending_and_afterwards_why_it_was_another(
    desks: Desks, relay: RelayScripts
) -> None:
    alice = desks("alice").go()
    alice.choose_model("gpt-4.1")
    line = alice.page.locator(".composer .estimate-line")
    expect(line).to_be_hidden()
    alice.composer.fill("word " * 400)
    expect(line).to_contain_text(re.compile(r"about \$0\.00\d+ to \$0\.0\d+ · \$\d+\.\d\d left"))
    line.click()
    details = alice.page.locator("#estimate-details")
    expect(details).to_contain_text("counted exactly")
    expect(alice.announced).to_contain_text("Prompt: 40")
    details.get_by_role("button", name="Use Gemini 2.5 Flash").click()
    expect(alice.page.locator(".model-button")).to_contain_text("Gemini")
    expect(details).to_be_hidden()
    expect(alice.composer).to_be_focused()
    expect(line).to_contain_text("about $0.00")
    relay.next_says("No.")
    alice.composer.press("Enter")
    alice.wait_ended()
    expect(line).to_be_hidden()
    expect(alice.answer.locator("[data-part=facts]")).to_contain_text("$0.00")
    why = alice.answer.locator(".message-why")
    why.get_by_text("less than the $0.00").click()
    expect(why.get_by_role("listitem")).to_contain_text("30 at least were expected.")


def test_the_picker_marks_what_a_model_can_do_also_for_screen_readers(desks: Desks) -> None:
    alice = desks("alice").go()
    picker = opened_picker(alice)
    sonnet = picker.get_by_role("button", name="Claude Sonnet 4.5")
    expect(sonnet.locator(".model-mark")).to_have_count(3)
    expect(sonnet).to_contain_text("200 K")
    name = " ".join(sonnet.locator(".model-marks .visually-hidden").all_inner_texts())
    assert name == "sees pictures reasons before it answers 200,000 tokens of context"
    expect(
        picker.get_by_role("button", name="Gemini 2.5 Flash (scripted) sees pictures 1,048,576")
    ).to_contain_text("1 M")
    plain = picker.locator("[data-model='gpt-3.5-turbo']")
    expect(plain.locator(".model-mark")).to_have_count(0)
    expect(plain.locator(".model-marks")).to_be_hidden()


def test_a_conversation_whose_model_is_dropped_opens_and_says_so(
    desks: Desks, relay: RelayScripts
) -> None:
    alice = desks("alice").go()
    alice.choose_model("gemini-2.5")
    relay.next_says("An answer that stays.")
    alice.ask("Ask while it is there")
    relay.drops("gemini-2.5-flash")
    try:
        wait_until_gone(alice, "gemini-2.5-flash")
        row = opened_picker(alice).locator("[data-model='gemini-2.5-flash']")
        expect(row).to_be_disabled()
        expect(row).to_contain_text("No relay offers it now.")
        alice.page.keyboard.press("Escape")
        alice.reload()
        expect(alice.answer_text).to_contain_text("An answer that stays.")
        expect(alice.page.locator(".model-button")).to_contain_text("No relay offers it now.")
        alice.send("And now?")
        expect(alice.reason).to_contain_text("No relay offers this model now.")
        expect(alice.composer).to_have_value("And now?")
        alice.choose_model("v3.2")
        relay.next_says("Another one answers.")
        alice.composer.press("Enter")
        alice.wait_ended()
        expect(alice.answer_text).to_contain_text("Another one answers.")
    finally:
        relay.drops()
