"""What a turn may cost is told where the person decides: editing, asking again, going on."""

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.journeys.desk import NARROW, WIDE, Desk, Desks
from tests.journeys.relay import RelayScripts
from tests.journeys.test_accessibility import violations
from tests.servers import TramServer

RANGE = re.compile(r"about \$[\d.]+ to \$[\d.]+ · \$\d+\.\d\d left")


def highest(line: Locator) -> float:
    """The upper end of the range that a line tells, in USD."""
    expect(line).to_have_text(RANGE)
    found = re.search(r"to \$([\d.]+)", line.inner_text())
    assert found is not None
    return float(found[1])


def line_in(place: Locator) -> Locator:
    return place.locator("[data-estimate-target=words]")


def estimates_asked(desk: Desk) -> list[str]:
    """From now on, what is asked of the door."""
    asked: list[str] = []

    def note(request: object) -> None:
        url, body = request.url, request.post_data  # type: ignore[attr-defined]
        if url.endswith("/api/estimates"):
            asked.append(body or "")

    desk.page.on("request", note)
    return asked


def test_an_edit_is_priced_while_it_is_written_and_explained_when_it_was_another(
    desks: Desks, relay: RelayScripts
) -> None:
    alice = desks("alice").go()
    alice.choose_model("gpt-4.1")
    relay.next_says("One answer.")
    alice.ask("A first question")
    alice.use("Edit", alice.question)
    editor = alice.page.locator(".editor")
    line = line_in(editor)
    asked = estimates_asked(alice)
    expect(line).to_be_hidden()
    alice.page.keyboard.type(" with more words, typed one by one, for which nobody asks a price")
    dear = highest(line)
    assert len(asked) < 10, "it is asked for when typing rests, not at each key"
    described = editor.get_by_role("textbox").get_attribute("aria-describedby")
    assert described == line.get_attribute("id")
    editor.locator(".estimate-line").click()
    cheaper = editor.get_by_role("button", name="Use Gemini 2.5 Flash")
    expect(cheaper).to_be_visible()
    cheaper.click()
    expect(alice.page.locator(".model-button")).to_contain_text("Gemini")
    expect(editor.locator(".estimate-details")).to_be_hidden()
    assert highest(line) < dear / 2
    relay.next_says("No.")
    editor.get_by_role("button", name="Send", exact=True).click()
    expect(alice.answer_text).to_have_text("No.")
    alice.wait_ended()
    expect(alice.answer.locator(".message-why")).to_contain_text("30 at least were expected.")


def test_another_answer_is_priced_for_each_model_by_keyboard_alone(
    desks: Desks, relay: RelayScripts
) -> None:
    alice = desks("alice").go()
    alice.choose_model("gpt-4.1")
    relay.next_says("One answer.")
    alice.ask("A question for two models")
    button = alice.answer.get_by_role("button", name="Answer again")
    button.focus()
    alice.page.keyboard.press("Enter")
    line, select = line_in(alice.again), alice.again.get_by_role("combobox")
    expect(alice.again.get_by_role("button", name="Answer again")).to_be_focused()
    first = highest(line)
    assert violations(alice) == []
    alice.page.keyboard.press("Escape")
    expect(alice.again).to_be_hidden()
    expect(button).to_be_focused()
    asked = estimates_asked(alice)
    alice.page.keyboard.press("Enter")
    assert highest(line) == first
    assert asked == [], "what was told a moment ago still holds"
    select.select_option("claude-sonnet-4.5")
    expect(line).not_to_have_text(re.compile(re.escape(f"to ${first} ")))
    assert highest(line) > first
    relay.next_says("Another answer.")
    alice.again.get_by_role("button", name="Answer again").press("Enter")
    expect(alice.answer_text).to_have_text("Another answer.")
    alice.wait_ended()
    expect(alice.answer.locator("[data-part=name]")).to_contain_text("Claude Sonnet 4.5")
    expect(alice.answer.locator(".message-why")).to_contain_text("less than the $")


def test_going_on_is_priced_beside_its_button(desks: Desks, relay: RelayScripts) -> None:
    alice = desks("alice").go()
    alice.choose_model("gpt-4.1")
    relay.next_breaks_after("Half of it, and ")
    alice.send("Break it")
    on = alice.answer.get_by_role("button", name="Continue")
    expect(on).to_be_visible()
    line = line_in(alice.answer.locator(".ending"))
    assert highest(line) > 0
    assert violations(alice) == []
    relay.next_says("the other half.")
    on.click()
    expect(alice.answer_text).to_contain_text("the other half.")
    alice.wait_ended()
    expect(alice.page.locator(".ending .estimate-line:visible")).to_have_count(0)


def test_a_message_that_would_wait_is_told_no_range(desks: Desks, relay: RelayScripts) -> None:
    alice = desks("alice").go()
    alice.choose_model("gpt-4.1")
    relay.next_hangs_after("It begins")
    alice.send("Take your time")
    expect(alice.answer_text).to_have_text("It begins")
    alice.composer.fill("And this next")
    line = line_in(alice.page.locator(".composer"))
    expect(line).to_have_text(re.compile(r"^\$[\d.]+ or more · \$\d+\.\d\d left$"))
    alice.page.locator(".composer .estimate-line").click()
    details = alice.page.locator("#estimate-details")
    expect(details).to_contain_text("It waits until the answers before it are written.")
    alice.page.keyboard.press("Escape")
    alice.act.click()
    alice.wait_ended()
    assert highest(line) > 0, "now that nothing is before it there is a range"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "scheme"),
    [("vi", "light"), ("zh-hans", "dark")],
)
def test_on_a_phone_it_all_fits_in_each_language(
    desks: Desks, relay: RelayScripts, language: str, scheme: str
) -> None:
    bob = desks("bob", has_touch=True, color_scheme=scheme).go()
    choose_language(bob, language)
    try:
        bob.page.set_viewport_size(NARROW)
        relay.next_says("One answer.")
        bob.ask("On the road")
        bob.composer.fill("And how does it go on from there?")
        fits(bob.page.locator(".composer .estimate-line"))
        bob.page.locator(".composer .estimate-line").tap()
        fits(bob.page.locator("#estimate-details"))
        bob.page.keyboard.press("Escape")
        bob.answer.locator("[data-part=again]").tap()
        menu = bob.page.locator("#again-menu")
        fits(menu)
        menu.locator(".estimate-line").tap()
        fits(menu.locator(".estimate-details"))
        assert violations(bob) == []
        bob.page.keyboard.press("Escape")
        bob.page.keyboard.press("Escape")
        bob.question.locator("[data-part=edit]").tap()
        bob.page.locator(".editor textarea").fill("On the road, again?")
        fits(bob.page.locator(".editor .estimate-line"))
        assert bob.page.evaluate("document.documentElement.scrollWidth") <= 360
    finally:
        bob.page.set_viewport_size(WIDE)
        choose_language(bob, "en")


def choose_language(desk: Desk, language: str) -> None:
    desk.page.locator(".person-button").click()
    desk.page.locator("#person-menu").locator(f"button[value={language}]").click()
    expect(desk.page.locator("html")).to_have_attribute("lang", re.compile(language, re.I))
    expect(desk.page.locator(".model-button-name")).not_to_have_text("…")


def fits(place: Locator) -> None:
    """It is shown, and within the window's width."""
    expect(place).to_be_visible()
    box = place.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= NARROW["width"]


@pytest.mark.slow
def test_who_has_too_little_is_told_before_sending(
    desks: Desks, site: TramServer, relay: RelayScripts
) -> None:
    alice = desks("alice").go()
    alice.choose_model("gpt-4.1")
    relay.next_says("One answer.")
    alice.ask("While there is something left")
    left = alice.page.request.get(alice.url + "/api/budget").json()["remaining_nano_usd"]
    taken = f"{(left - 1_000_000) / 10**9:.9f}"
    site.manage("grantcredit", "Demo", "--", f"-{taken}")
    try:
        alice.composer.fill("And now?")
        composer = alice.page.locator(".composer .estimate")
        expect(line_in(composer)).to_have_text(
            re.compile(r"too little left: needs \$[\d.]+ · \$0\.001 left")
        )
        expect(composer).to_have_attribute("data-verdict", "refused")
        expect(alice.announced).to_have_text(
            "The budget is too small for this message. It would not be sent."
        )
        composer.locator(".estimate-line").click()
        expect(alice.page.locator("#estimate-details")).to_contain_text("The credit of Demo")
        alice.page.keyboard.press("Escape")
        alice.use("Answer again", alice.answer)
        expect(line_in(alice.again)).to_contain_text("too little left")
    finally:
        site.manage("grantcredit", "Demo", taken)
