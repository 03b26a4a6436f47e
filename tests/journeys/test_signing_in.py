"""Coming in, and being shown the door."""

from playwright.sync_api import expect

from tests.journeys.desk import Desks
from tests.servers import DEMO_PASSWORD


def test_a_person_signs_in_and_meets_an_empty_chat(desks: Desks) -> None:
    alice = desks(None)
    alice.page.goto(alice.url + "/")
    alice.page.get_by_label("User name").fill("alice")
    alice.page.get_by_label("Password").fill(DEMO_PASSWORD)
    alice.page.get_by_role("button", name="Sign in").click()
    expect(alice.page).to_have_url(alice.url + "/")
    expect(alice.page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    expect(alice.composer).to_be_focused()
    expect(alice.page.locator(".budget-text")).to_contain_text("$5.00 left")


def test_an_example_goes_into_the_composer_and_waits_to_be_sent(desks: Desks) -> None:
    alice = desks("alice").go()
    alice.page.locator(".example").first.click()
    expect(alice.composer).to_have_value(
        "Explain the difference between TCP and UDP with a small table."
    )
    expect(alice.composer).to_be_focused()
    expect(alice.messages).to_have_count(0)


def test_a_wrong_password_is_refused_in_words_and_the_name_is_kept(desks: Desks) -> None:
    stranger = desks(None)
    stranger.page.goto(stranger.url + "/")
    stranger.page.get_by_label("User name").fill("alice")
    stranger.page.get_by_label("Password").fill("wrong")
    stranger.page.get_by_role("button", name="Sign in").click()
    expect(stranger.page.get_by_role("alert").first).to_contain_text("not correct")
    expect(stranger.page.get_by_label("User name")).to_have_value("alice")


def test_a_conversation_of_another_team_looks_like_one_that_is_absent(desks: Desks) -> None:
    desks.watch.expect(r"status of 404")
    alice, charlie = desks("alice").go(), desks("charlie")
    alice.ask("Something of our own, short")
    charlie.page.goto(alice.page.url)
    foreign = charlie.page.locator("main").inner_text()
    charlie.page.goto(alice.url + "/c/00000000-0000-4000-8000-000000000000/")
    assert charlie.page.locator("main").inner_text() == foreign
    assert "Something of our own" not in foreign


def test_signing_out_in_one_tab_leads_the_other_to_sign_in(desks: Desks) -> None:
    bob = desks(None)
    bob.page.goto(bob.url + "/accounts/login/")
    bob.page.get_by_label("User name").fill("bob")
    bob.page.get_by_label("Password").fill(DEMO_PASSWORD)
    bob.page.get_by_role("button", name="Sign in").click()
    expect(bob.composer).to_be_visible()
    other = bob.second_tab()
    expect(other.composer).to_be_visible()
    other.page.locator(".person-button").click()
    other.page.get_by_role("button", name="Sign out").click()
    expect(other.page.get_by_role("button", name="Sign in")).to_be_visible()
    way_back = bob.page.get_by_role("link", name="Sign in again")
    expect(way_back).to_be_visible()
    way_back.click()
    expect(bob.page.get_by_label("Password")).to_be_visible()
