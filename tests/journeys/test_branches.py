"""Other versions of a question or an answer, and the way between them."""

from playwright.sync_api import Locator, expect

from tests.journeys.desk import Desk, Desks
from tests.journeys.relay import RelayScripts


def versions(message: Locator) -> Locator:
    return message.locator("[data-part=branch-place]")


def edit_to(desk: Desk, text: str) -> None:
    editor = desk.page.get_by_role("textbox", name="Your message")
    expect(editor).to_be_focused()
    editor.fill(text)
    desk.page.locator(".editor").get_by_role("button", name="Send").click()


def test_an_edited_question_becomes_a_sibling_and_both_can_be_read(
    desks: Desks, relay: RelayScripts
) -> None:
    alice = desks("alice").go()
    relay.next_says("The first answer.")
    alice.ask("The first question")
    expect(versions(alice.question)).to_be_hidden()
    relay.next_says("The second answer.")
    alice.use("Edit", alice.question)
    edit_to(alice, "The second question")
    expect(alice.answer_text).to_have_text("The second answer.")
    alice.wait_ended()
    expect(versions(alice.question)).to_have_text("2/2")
    alice.use("Earlier version", alice.question)
    expect(alice.answer_text).to_have_text("The first answer.")
    expect(alice.question).to_contain_text("The first question")
    expect(versions(alice.question)).to_have_text("1/2")
    alice.use("Later version", alice.question)
    expect(alice.answer_text).to_have_text("The second answer.")
    alice.reload()
    expect(alice.answer_text).to_have_text("The second answer.")
    expect(versions(alice.question)).to_have_text("2/2")


def test_a_question_is_answered_again_and_the_earlier_answer_stays(
    desks: Desks, relay: RelayScripts
) -> None:
    alice = desks("alice").go()
    relay.next_says("One way to see it.")
    alice.ask("How do you see it?")
    relay.next_says("Another way to see it.")
    alice.answer_again()
    expect(alice.answer_text).to_have_text("Another way to see it.")
    alice.wait_ended()
    expect(alice.messages).to_have_count(2)
    expect(versions(alice.answer)).to_have_text("2/2")
    alice.use("Earlier version", alice.answer)
    expect(alice.answer_text).to_have_text("One way to see it.")
    relay.next_says("This follows the first way.")
    alice.ask("Go on")
    expect(alice.messages).to_have_count(4)
    first_answer = alice.page.locator("[data-role=assistant]").first
    alice.use("Later version", first_answer)
    expect(alice.messages).to_have_count(2)
    expect(alice.answer_text).to_have_text("Another way to see it.")
    alice.use("Earlier version", alice.answer)
    expect(alice.answer_text).to_have_text("This follows the first way.")


def test_an_edit_may_be_dropped_and_nothing_is_sent(desks: Desks, relay: RelayScripts) -> None:
    alice = desks("alice").go()
    relay.next_says("Stays as it is.")
    alice.ask("Leave it")
    alice.use("Edit", alice.question)
    alice.page.get_by_role("textbox", name="Your message").fill("Changed my mind")
    alice.page.keyboard.press("Escape")
    expect(alice.page.locator(".editor")).to_have_count(0)
    expect(alice.question).to_contain_text("Leave it")
    expect(alice.composer).to_be_focused()
    expect(alice.messages).to_have_count(2)


def test_arrow_up_in_an_empty_composer_edits_the_last_question(
    desks: Desks, relay: RelayScripts
) -> None:
    alice = desks("alice").go()
    relay.next_says("As you like.")
    alice.ask("Mistyped")
    alice.composer.press("ArrowUp")
    editor = alice.page.get_by_role("textbox", name="Your message")
    expect(editor).to_be_focused()
    expect(editor).to_have_value("Mistyped")
    relay.next_says("Now I see.")
    editor.fill("Typed well")
    editor.press("Control+Enter")
    expect(alice.answer_text).to_have_text("Now I see.")
    alice.composer.fill("not empty")
    alice.composer.press("ArrowUp")
    expect(alice.page.locator(".editor")).to_have_count(0)


def test_the_editor_of_a_question_with_a_long_answer_stays_in_view(
    desks: Desks, relay: RelayScripts
) -> None:
    alice = desks("alice").go()
    for question in ("A question", "A question that is only just in view"):
        relay.next_says("\n\n".join(f"Paragraph {number}." for number in range(11)))
        alice.ask(question)
    expect(alice.question).to_be_in_viewport()
    alice.composer.press("ArrowUp")
    editor = alice.page.locator(".editor")
    expect(editor.get_by_role("textbox")).to_be_focused()
    expect(editor.get_by_role("button", name="Send")).to_be_in_viewport(ratio=1)
    expect(editor.get_by_role("textbox")).to_be_in_viewport(ratio=1)
