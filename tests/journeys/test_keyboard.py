"""Tram without a mouse, and with an input method."""

from playwright.sync_api import expect

from tests.journeys.desk import Desk, Desks
from tests.journeys.relay import RelayScripts


def test_enter_does_not_send_while_a_word_is_being_composed(
    desks: Desks, relay: RelayScripts
) -> None:
    alice = desks("alice").go()
    alice.composer.focus()
    keys = alice.page.context.new_cdp_session(alice.page)
    keys.send("Input.imeSetComposition", {"text": "nihao", "selectionStart": 5, "selectionEnd": 5})
    expect(alice.composer).to_have_value("nihao")
    # What browsers send for Enter inside an input method: key code 229, composing.
    press = {"type": "rawKeyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
    keys.send("Input.dispatchKeyEvent", press)
    alice.page.evaluate(
        """() => document.getElementById("composer-text").dispatchEvent(new KeyboardEvent(
          "keydown", { key: "Enter", isComposing: true, bubbles: true, cancelable: true }))"""
    )
    expect(alice.messages).to_have_count(0)
    keys.send("Input.insertText", {"text": "你好"})
    expect(alice.composer).to_have_value("你好")
    expect(alice.messages).to_have_count(0)
    relay.next_says("你好！")
    alice.composer.press("Enter")
    expect(alice.question).to_contain_text("你好")


def test_shift_and_enter_make_a_line(desks: Desks, relay: RelayScripts) -> None:
    alice = desks("alice").go()
    alice.composer.press_sequentially("one")
    height = alice.composer.bounding_box()
    alice.composer.press("Shift+Enter")
    alice.composer.press_sequentially("two")
    expect(alice.composer).to_have_value("one\ntwo")
    taller = alice.composer.bounding_box()
    assert height
    assert taller
    assert taller["height"] > height["height"]
    relay.next_says("Both lines.")
    alice.composer.press("Enter")
    expect(alice.question.locator("[data-part=text]")).to_have_text("one\ntwo")


def test_enter_sends_nothing_of_blanks(desks: Desks) -> None:
    alice = desks("alice").go()
    alice.send("   \n ")
    expect(alice.messages).to_have_count(0)
    expect(alice.act).to_be_disabled()


def test_control_k_finds_conversations_and_commands(desks: Desks, relay: RelayScripts) -> None:
    alice = desks("alice").go()
    relay.next_says("Found.")
    alice.ask("A needle for the palette")
    alice.page.keyboard.press("Control+Shift+O")
    expect(alice.page).to_have_url(alice.url + "/")
    expect(alice.composer).to_be_focused()
    alice.page.keyboard.press("Control+K")
    field = alice.page.get_by_role("searchbox", name="Search conversations and commands")
    expect(field).to_be_focused()
    field.press_sequentially("needle")
    expect(alice.page.locator(".palette-choice")).to_have_count(1)
    field.press("ArrowDown")
    expect(alice.page.locator(".palette-choice")).to_be_focused()
    alice.page.keyboard.press("Enter")
    expect(alice.shown_title).to_have_text("A needle for the palette")
    expect(alice.answer_text).to_have_text("Found.")


def test_control_shift_o_begins_a_new_chat_with_the_focus_in_the_composer(
    desks: Desks, relay: RelayScripts
) -> None:
    alice = desks("alice").go()
    relay.next_says("Old.")
    alice.ask("An old one")
    alice.page.keyboard.press("Control+Shift+O")
    expect(alice.messages).to_have_count(0)
    expect(alice.composer).to_be_focused()
    expect(alice.shown_title).to_have_text("New chat")


def test_a_question_mark_lists_the_shortcuts_except_while_typing(desks: Desks) -> None:
    alice = desks("alice").go()
    shortcuts = alice.page.get_by_role("dialog", name="Keyboard shortcuts")
    alice.composer.press("?")
    expect(shortcuts).to_be_hidden()
    expect(alice.composer).to_have_value("?")
    alice.page.locator(".team-button").focus()
    alice.page.keyboard.press("?")
    expect(shortcuts).to_be_visible()
    alice.page.keyboard.press("Escape")
    expect(shortcuts).to_be_hidden()
    expect(alice.page.locator(".team-button")).to_be_focused()


def test_tab_goes_through_the_page_and_every_stop_shows_itself(desks: Desks) -> None:
    alice = desks("alice").go()
    alice.page.evaluate("document.body.tabIndex = -1; document.body.focus()")
    alice.page.keyboard.press("Tab")
    expect(alice.page.locator(".skip-link")).to_be_focused()
    expect(alice.page.locator(".skip-link")).to_be_in_viewport()
    alice.page.keyboard.press("Enter")
    expect(alice.composer).to_be_focused()
    stops = [_outlined_stop(alice) for _ in range(6)]
    assert all(stops), stops


def _outlined_stop(desk: Desk) -> bool:
    desk.page.keyboard.press("Tab")
    return bool(
        desk.page.evaluate(
            """() => {
              const shown = (element) => {
                const style = getComputedStyle(element);
                return style.outlineStyle !== "none" || style.boxShadow !== "none";
              };
              const stop = document.activeElement;
              return stop === document.body || shown(stop) || shown(stop.parentElement);
            }"""
        )
    )
