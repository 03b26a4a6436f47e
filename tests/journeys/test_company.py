"""Alice and Bob in one conversation: who is there, who writes, whose message waits."""

import re

from playwright.sync_api import expect

from tests.journeys.desk import Desk, Desks
from tests.journeys.relay import RelayScripts
from tests.journeys.test_accessibility import violations
from tests.servers import TramServer


def path_of(desk: Desk) -> str:
    return desk.page.url.removeprefix(desk.url)


def test_alice_and_bob_write_in_one_conversation(
    desks: Desks, relay: RelayScripts, site: TramServer
) -> None:
    alice = desks("alice").go()
    relay.next_hangs_after("A long answer begins here")
    alice.send("Tell us everything")
    alice.wait_running()
    expect(alice.answer_text).to_contain_text("A long answer")
    bob = desks("bob").go(path_of(alice))
    expect(alice.page.locator(".room-people")).to_have_attribute("aria-label", "Also here: bob")
    expect(bob.page.locator(".room-people")).to_have_attribute("aria-label", "Also here: alice")
    expect(bob.question.locator("[data-part=name]")).to_have_text("alice")

    bob.composer.press_sequentially("And what")
    expect(alice.page.locator(".writing")).to_have_text("bob is writing…")
    expect(bob.page.locator(".writing")).to_have_text("")
    bob.composer.press("Enter")
    alice.composer.fill("Mine comes second")
    expect(alice.page.locator(".waiting")).to_have_count(1)
    alice.page.get_by_role("button", name="Send when the answer is written").click()
    for desk in (alice, bob):
        in_line = desk.page.locator(".waiting-text")
        expect(in_line).to_have_text(["And what", "Mine comes second"])
    expect(alice.page.locator(".writing")).to_have_text("")

    alice.composer.fill("Beside Send there is Stop")
    for scheme in ("dark", "light"):
        alice.page.emulate_media(color_scheme=scheme)
        assert violations(alice) == []

    # After a reload it waits still, and only its person may take it back.
    bob.reload()
    expect(bob.page.locator(".waiting")).to_have_count(2)
    expect(bob.page.get_by_role("button", name="Withdraw")).to_have_count(1)
    bob.page.get_by_role("button", name="Withdraw").focus()
    bob.page.keyboard.press("Enter")
    expect(alice.page.locator(".waiting-text")).to_have_text(["Mine comes second"])
    expect(bob.composer).to_have_value("And what")
    bob.composer.press("Enter")
    expect(alice.page.locator(".waiting-text")).to_have_text(["Mine comes second", "And what"])

    # Who may only read from now on stops nothing, and keeps what could not be sent.
    site.manage("shell", "-c", SET_ROLE.format("VIEWER"))
    expect(bob.composer).to_be_disabled()
    expect(bob.act).to_have_attribute("data-state", "send")
    expect(bob.page.locator(".waiting[data-refused]")).to_contain_text("not sent")
    expect(alice.page.locator(".waiting-text")).to_have_text(["Mine comes second"])
    assert violations(bob) == []
    site.manage("shell", "-c", SET_ROLE.format("MEMBER"))
    expect(bob.composer).to_be_enabled()
    bob.page.get_by_role("button", name="Take back to change it").click()
    expect(bob.composer).to_have_value("And what")
    bob.composer.press("Enter")
    expect(alice.page.locator(".waiting-text")).to_have_text(["Mine comes second", "And what"])

    # Either of the two may stop the answer; then those who wait go on, one after the other.
    relay.next_says("Second answer.")
    relay.next_says("Third answer.")
    bob.page.keyboard.press("Escape")
    for desk in (alice, bob):
        expect(desk.messages).to_have_count(6)
        desk.wait_ended()
        expect(desk.page.locator(".waiting")).to_have_count(0)
        expect(desk.page.locator("[data-role=user] > [data-part=text]")).to_have_text(
            ["Tell us everything", "Mine comes second", "And what"]
        )
        expect(desk.answer_text).to_contain_text("Third answer.")
    names = alice.page.locator("[data-role=user] > [data-part=name]")
    expect(names).to_have_text(["You", "You", "bob"])


def test_what_was_sent_without_a_connection_is_sent_by_the_page_that_is_loaded_next(
    desks: Desks, relay: RelayScripts
) -> None:
    alice = desks("alice")
    alice.page.route_web_socket(re.compile("/ws/chat/"), lambda _silent: None)
    alice.go()
    alice.composer.fill("Kept over a reload")
    alice.composer.press("Enter")
    expect(alice.question).to_contain_text("Kept over a reload")
    relay.next_says("Here it is.")
    again = alice.second_tab()
    expect(again.answer_text).to_contain_text("Here it is.")
    expect(again.messages).to_have_count(2)
    again.reload()
    expect(again.messages).to_have_count(2)
    assert again.page.evaluate("Object.keys(localStorage).filter(k => k.includes('outbox'))") == []


SET_ROLE = """
from accounts.models import Team, User
from accounts.roles import Role
from accounts.services import teams
teams.change_role(Team.objects.get(name="Demo"), User.objects.get(username="bob"), Role.{})
"""
