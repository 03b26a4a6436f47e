"""Choosing a model by what it costs."""

from playwright.sync_api import Locator, expect

from tests.journeys.desk import Desk, Desks
from tests.journeys.relay import RelayScripts


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


def test_the_price_of_sending_is_estimated_before_it_is_paid(desks: Desks) -> None:
    alice = desks("alice").go()
    alice.composer.fill("word " * 400)
    expect(alice.page.locator(".composer-estimate")).to_contain_text("about $0.00")
    alice.composer.fill("")
    expect(alice.page.locator(".composer-estimate")).to_have_text("")
