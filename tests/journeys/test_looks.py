"""Narrow screens, the dark, and other languages."""

import re

import pytest
from playwright.sync_api import expect

from tests.journeys.desk import NARROW, Desk, Desks
from tests.journeys.relay import RelayScripts

PHONE = {"viewport": NARROW, "has_touch": True, "is_mobile": True}
WIDE_THINGS = (
    "A table and code wider than a phone.\n\n"
    "| " + " | ".join(f"column {n}" for n in range(12)) + " |\n|" + "---|" * 12 + "\n"
    "| " + " | ".join(f"value {n}" for n in range(12)) + " |\n\n"
    "```python\n" + "x = [" + ", ".join(str(n) for n in range(80)) + "]\n```\n\n"
    "https://example.com/" + "a-very-long-address/" * 12 + "\n\n"
    "$$" + " + ".join(f"x_{{{n}}}" for n in range(60)) + "$$\n"
)
# Names of products and people, and what a person typed, are the same in every language.
SAME_EVERYWHERE = re.compile(
    r"^(Tram|Demo|alice|bob|B|Enter|Shift|Esc|Ctrl|English|Tiếng Việt|简体中文|Markdown|K|O|↑|\?"
    r"|.*\(scripted\)|[\d\s.,$€%/:·–-]*|gpt-.*|claude-.*|gemini-.*|deepseek-.*|.*smollm2.*)$",
    re.IGNORECASE,
)


def widths(desk: Desk) -> tuple[int, int]:
    """The page's whole width, and the window's."""
    both = desk.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    return both[0], both[1]


def test_nothing_is_wider_than_a_phone(desks: Desks, relay: RelayScripts) -> None:
    alice = desks("alice", **PHONE).go()
    assert widths(alice)[0] <= 360
    relay.next_says(WIDE_THINGS)
    alice.ask("Show me wide things")
    expect(alice.answer.locator(".katex").first).to_be_visible()
    assert widths(alice) == (360, 360)
    thread = alice.page.locator(".thread").evaluate("box => [box.scrollWidth, box.clientWidth]")
    assert thread[0] <= thread[1]


def test_the_list_is_a_drawer_on_a_phone(desks: Desks, relay: RelayScripts) -> None:
    alice = desks("alice", **PHONE).go()
    relay.next_says("On the road.")
    alice.ask("From the drawer")
    sidebar = alice.page.locator("#sidebar")
    expect(sidebar).not_to_be_in_viewport()
    alice.page.get_by_role("button", name="Open the list").tap()
    expect(sidebar).to_be_in_viewport(ratio=0.9)
    alice.page.keyboard.press("Escape")
    expect(sidebar).not_to_be_in_viewport()
    alice.page.get_by_role("button", name="Open the list").tap()
    sidebar.get_by_role("link", name="New chat").tap()
    expect(sidebar).not_to_be_in_viewport()
    expect(alice.messages).to_have_count(0)
    alice.page.get_by_role("button", name="Open the list").tap()
    alice.conversations.first.tap()
    expect(sidebar).not_to_be_in_viewport()
    expect(alice.answer_text).to_have_text("On the road.")


def test_every_target_is_large_enough_for_a_thumb(desks: Desks, relay: RelayScripts) -> None:
    alice = desks("alice", **PHONE).go()
    relay.next_says("Some code:\n\n```python\nx = 1\n```\n")
    alice.ask("Something to press")
    small = alice.page.evaluate(SMALL_TARGETS)
    alice.page.get_by_role("button", name="Open the list").tap()
    expect(alice.page.locator("#sidebar")).to_be_in_viewport(ratio=0.9)
    small += alice.page.evaluate(SMALL_TARGETS)
    assert small == []


SMALL_TARGETS = """() => [...document.querySelectorAll("button, a, summary, input, textarea")]
  .filter((target) => target.checkVisibility({ visibilityProperty: true, opacityProperty: false }))
  .filter((target) => !target.closest(".prose p, .visually-hidden, .skip-link, [popover], dialog"))
  .filter((target) => !target.matches(".skip-link, .visually-hidden"))
  .map((target) => [target, (target.closest("label") ?? target).getBoundingClientRect()])
  .filter(([, box]) => box.width > 0 && (box.height < 43.5 || box.width < 43.5))
  .map(([target, box]) => `${target.className} ${target.ariaLabel ?? target.textContent.trim()} `
    + `${box.width.toFixed(0)}×${box.height.toFixed(0)}`)"""


def test_the_page_is_dark_where_the_system_is(desks: Desks) -> None:
    alice = desks("alice", color_scheme="dark").go()
    assert brightness(alice) < 60
    alice.page.emulate_media(color_scheme="light")
    assert brightness(alice) > 200


def test_a_chosen_theme_is_kept_against_the_system(desks: Desks) -> None:
    alice = desks("alice").go()
    alice.page.locator(".person-button").click()
    alice.page.get_by_text("Dark", exact=True).click()
    assert brightness(alice) < 60
    alice.reload()
    assert brightness(alice) < 60
    alice.page.locator(".person-button").click()
    alice.page.get_by_text("System", exact=True).click()
    assert brightness(alice) > 200


def brightness(desk: Desk) -> float:
    """Mean of red, green and blue of what is painted behind the messages, from 0 to 255."""
    return float(
        desk.page.evaluate(
            """() => {
              let place = document.querySelector(".thread");
              while (getComputedStyle(place).backgroundColor === "rgba(0, 0, 0, 0)")
                place = place.parentElement;
              const context = new OffscreenCanvas(1, 1).getContext("2d");
              context.fillStyle = getComputedStyle(place).backgroundColor;
              context.fillRect(0, 0, 1, 1);
              const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
              return (red + green + blue) / 3;
            }"""
        )
    )


@pytest.mark.parametrize(
    ("choice", "tag", "greeting"), [("vi", "vi", "Bạn"), ("zh-hans", "zh-Hans", "你")]
)
def test_a_language_is_chosen_and_nothing_is_left_in_english(
    desks: Desks, relay: RelayScripts, choice: str, tag: str, greeting: str
) -> None:
    bob = desks("bob").go()
    english = visible_words(bob)
    bob.page.locator(".person-button").click()
    bob.page.locator("#person-menu").locator(f"button[value={choice}]").click()
    expect(bob.page.locator("html")).to_have_attribute("lang", tag)
    expect(bob.page.locator(".welcome h2")).to_contain_text(greeting)
    expect(bob.page.locator(".model-button-name")).not_to_have_text("…")
    assert english & visible_words(bob) == set()
    bob.page.locator(".person-button").click()
    bob.page.locator("#person-menu").locator("button[value=en]").click()
    expect(bob.page.locator("html")).to_have_attribute("lang", "en")


def test_a_strangers_page_speaks_the_language_of_the_browser(desks: Desks) -> None:
    stranger = desks(None, locale="vi-VN")
    stranger.page.goto(stranger.url + "/")
    expect(stranger.page.locator("html")).to_have_attribute("lang", "vi")
    expect(stranger.page.get_by_role("heading")).to_have_text("Đăng nhập")


def visible_words(desk: Desk) -> set[str]:
    """Every text on the page and in its closed dialogs, and every name for screen readers."""
    texts = desk.page.evaluate(
        """() => {
          const found = [];
          const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walker.nextNode()) {
            // The titles of conversations are people's own words.
            if (!walker.currentNode.parentElement.closest("script, template, .conversation"))
              found.push(walker.currentNode.data);
          }
          for (const marked of document.querySelectorAll("[aria-label], [placeholder], [title]")) {
            if (marked.closest(".conversation")) continue;
            for (const name of ["aria-label", "placeholder", "title"])
              found.push(marked.getAttribute(name) ?? "");
          }
          return found.map((text) => text.trim().normalize()).filter(Boolean);
        }"""
    )
    return {text for text in texts if not SAME_EVERYWHERE.match(text)}
