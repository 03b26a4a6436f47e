"""The page about the doors for programs."""

from playwright.sync_api import expect

from tests.journeys.desk import NARROW, Desk, Desks
from tests.journeys.test_accessibility import violations

PATH = "/api/docs/"


def open_all(desk: Desk) -> None:
    desk.page.evaluate(
        "document.querySelectorAll('details.door').forEach(each => each.open = true)"
    )


def test_the_page_shows_every_door_and_copies_an_example(desks: Desks) -> None:
    alice = desks("alice", permissions=["clipboard-read", "clipboard-write"])
    alice.page.goto(f"{alice.url}/keys/")
    alice.page.get_by_role("link", name="What programs can ask").click()
    expect(alice.page.locator("details.door")).to_have_count(27)
    # Its program runs before the page counts as loaded.
    alice.page.wait_for_load_state()
    door = alice.page.locator("details.door").first
    door.locator("summary").click()
    expect(door.get_by_role("row", name="messages")).to_be_visible()
    example = door.locator(".door-example", has_text="from openai import OpenAI")
    python = example.get_by_role("region", name="Python: POST /v1/chat/completions")
    expect(python).to_contain_text(f'base_url="{alice.url}/v1"')
    button = example.get_by_role("button")
    button.click()
    expect(button).to_have_text("Copied")
    assert alice.page.evaluate("navigator.clipboard.readText()") == python.text_content()


def test_an_address_opens_its_door(desks: Desks) -> None:
    alice = desks("alice")
    alice.page.goto(f"{alice.url}{PATH}#makeBatch")
    expect(alice.page.locator("#makeBatch")).to_be_visible()
    expect(alice.page.locator("#getBatch")).to_be_hidden()


def test_axe_finds_nothing_by_day_by_night_and_on_a_phone(desks: Desks) -> None:
    alice = desks("alice", viewport=NARROW)
    alice.page.goto(alice.url + PATH)
    open_all(alice)
    assert violations(alice) == []
    alice.page.emulate_media(color_scheme="dark")
    assert violations(alice) == []
    assert alice.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_strangers_sign_in_first(desks: Desks) -> None:
    stranger = desks(None)
    stranger.page.goto(stranger.url + PATH)
    expect(stranger.page).to_have_url(f"{stranger.url}/accounts/login/?next={PATH}")
