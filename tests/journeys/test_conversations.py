"""The list of conversations: naming, pinning, deleting, finding; and very long ones."""

import re
import time

import pytest
from playwright.sync_api import expect

from tests.journeys.desk import Desks
from tests.journeys.library import Story, store
from tests.journeys.relay import RelayScripts
from tests.servers import TramServer

LONG = 5_000
LONG_OPENS_SECONDS = 1.0
STORIES = (
    Story("Phở and its history", ["Where does phở come from?", "From the north of Việt Nam."]),
    Story("City walks", ["Đường nào đẹp nhất Hà Nội?", "Đường Thanh Niên, giữa hai hồ."]),
    Story("Chinese lessons", ["怎么去火车站？", "你可以坐电车去火车站，大约需要二十分钟。"]),
    Story("An old matter", ["From last year?", "Nearly."], days_ago=200),
    Story("Very long", [f"Message number {number}" for number in range(LONG)], days_ago=3),
)


@pytest.fixture(scope="module")
def stored(site: TramServer) -> dict[str, str]:
    """Ids of the stories by title."""
    return dict(zip((story.title for story in STORIES), store(site, *STORIES), strict=True))


def test_conversations_stand_in_groups_by_age(desks: Desks, stored: dict[str, str]) -> None:
    alice = desks("alice").go()
    groups = alice.page.locator(".group-name")
    expect(groups).to_have_text(["Today", "Last 7 days", "Older"])
    expect(alice.page.locator("section", has_text="Older").locator("li")).to_have_text(
        "An old matter"
    )


def test_a_conversation_is_renamed_in_the_list_and_in_the_header(
    desks: Desks, stored: dict[str, str]
) -> None:
    alice = desks("alice").go(f"/c/{stored['City walks']}/")
    alice.menu_of("City walks", "Rename")
    alice.page.locator(".conversation-rename").fill("Walks in Hà Nội")
    alice.page.keyboard.press("Enter")
    expect(alice.shown_title).to_have_text("Walks in Hà Nội")
    alice.shown_title.click()
    alice.page.locator(".title-input").fill("City walks")
    alice.page.keyboard.press("Enter")
    expect(alice.shown_title).to_have_text("City walks")
    expect(alice.conversations.get_by_text("City walks")).to_be_visible()
    alice.reload()
    expect(alice.shown_title).to_have_text("City walks")


def test_a_pinned_conversation_stands_above_all_others(
    desks: Desks, stored: dict[str, str]
) -> None:
    alice = desks("alice").go()
    alice.menu_of("An old matter", "Pin")
    expect(alice.page.locator(".group-name").first).to_have_text("Pinned")
    expect(alice.conversations.first).to_have_text("An old matter")
    alice.reload()
    expect(alice.conversations.first).to_have_text("An old matter")
    alice.menu_of("An old matter", "Unpin")
    expect(alice.page.locator(".group-name").first).to_have_text("Today")


def test_a_deleted_conversation_comes_back_by_undo(desks: Desks, stored: dict[str, str]) -> None:
    alice = desks("alice").go(f"/c/{stored['Phở and its history']}/")
    expect(alice.messages).to_have_count(2)
    alice.menu_of("Phở and its history", "Delete")
    expect(alice.conversations.get_by_text("Phở and its history")).to_have_count(0)
    expect(alice.page).to_have_url(alice.url + "/")
    alice.page.get_by_role("button", name="Undo").click()
    expect(alice.conversations.get_by_text("Phở and its history")).to_have_count(1)
    expect(alice.messages).to_have_count(2)
    expect(alice.page).to_have_url(alice.url + f"/c/{stored['Phở and its history']}/")


def test_a_deletion_without_undo_lasts(desks: Desks, relay: RelayScripts) -> None:
    alice = desks("alice").go()
    relay.next_says("Soon gone.")
    alice.ask("To be deleted")
    alice.menu_of("To be deleted", "Delete")
    expect(alice.conversations.get_by_text("To be deleted")).to_have_count(0)
    expect(alice.page).not_to_have_url(re.compile("/c/"))
    alice.reload()
    expect(alice.conversations.first).to_be_visible()
    expect(alice.conversations.get_by_text("To be deleted")).to_have_count(0)


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("pho history", "Phở and its history"),
        ("duong thanh nien", "City walks"),
        ("坐电车", "Chinese lessons"),
        ("火车站", "Chinese lessons"),
    ],
)
def test_search_needs_no_accents_and_finds_chinese_inside_a_sentence(
    desks: Desks, stored: dict[str, str], query: str, title: str
) -> None:
    alice = desks("alice").go()
    alice.page.get_by_role("searchbox", name="Search conversations").first.fill(query)
    expect(alice.conversations).to_have_text([title])
    alice.conversations.click()
    expect(alice.shown_title).to_have_text(title)


def test_a_search_without_a_match_says_so_and_escape_brings_all_back(
    desks: Desks, stored: dict[str, str]
) -> None:
    alice = desks("alice").go()
    search = alice.page.get_by_role("searchbox", name="Search conversations").first
    search.fill("nowhere to be found")
    expect(alice.page.locator(".group-empty")).to_have_text("Nothing found.")
    search.press("Escape")
    expect(alice.conversations.get_by_text("City walks")).to_be_visible()


def test_a_conversation_of_5000_messages_opens_at_once_and_is_read_upwards_in_place(
    desks: Desks, stored: dict[str, str]
) -> None:
    alice = desks("alice").go()
    newest = alice.page.get_by_text(f"Message number {LONG - 1}", exact=True)
    began = time.monotonic()
    alice.conversations.get_by_text("Very long").click()
    expect(newest).to_be_in_viewport()
    assert time.monotonic() - began < LONG_OPENS_SECONDS
    expect(alice.messages).to_have_count(50)
    alice.page.locator(".thread").hover()
    alice.page.mouse.wheel(0, -100_000)
    expect(alice.messages).not_to_have_count(50)
    first_read = alice.page.get_by_text(f"Message number {LONG - 50}", exact=True)
    # The page grew above, and what was at the top is still where the reader was.
    expect(first_read).to_be_in_viewport()
    alice.page.get_by_role("button", name="Newest").click()
    expect(newest).to_be_in_viewport()
