"""What holds for every page that a person meets, however they come to it."""

from playwright.sync_api import Locator

from tests.journeys.desk import NARROW, WIDE, Desk
from tests.journeys.test_accessibility import violations

TABS = 80
OF_COLOURS = ("color-contrast", "link-in-text-block")
"""What may differ by night."""


def assert_sound(desk: Desk) -> None:
    """axe finds nothing by night and by day, and nothing is wider than a phone."""
    desk.page.wait_for_load_state()
    desk.page.emulate_media(color_scheme="dark")
    found = violations(desk, *OF_COLOURS)
    desk.page.emulate_media(color_scheme="light")
    found += violations(desk)
    assert not found, "\n".join([desk.page.url, *found])
    desk.page.set_viewport_size(NARROW)
    wide = desk.page.evaluate("document.scrollingElement.scrollWidth")
    assert wide <= NARROW["width"], f"{desk.page.url} is {wide} px wide"
    desk.page.set_viewport_size(WIDE)


def tab_to(desk: Desk, wanted: Locator) -> None:
    """Reach something as one does without a mouse."""
    for _ in range(TABS):
        desk.page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{wanted} is not reached by {TABS} times Tab on {desk.page.url}")
