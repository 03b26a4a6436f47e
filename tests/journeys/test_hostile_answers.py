"""An answer is text: whatever a model writes, it runs nothing and calls nobody."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.journeys.canary import Canary
from tests.journeys.desk import Desk, Desks
from tests.journeys.hostile import payloads
from tests.journeys.library import Story, store
from tests.journeys.relay import RelayScripts
from tests.servers import TramServer

# Elements and attributes that an answer's own text never needs.
_FORBIDDEN = """() => {
  const places = document.querySelectorAll("[data-part=text], [data-part=reasoning-text]");
  const found = [];
  for (const place of places) for (const element of place.querySelectorAll("*")) {
    if (element.matches("script, iframe, object, embed, form, input, style, link, meta, base, "
        + "audio, video, template, foreignObject, animate, marquee, img:not([src^='data:'])"))
      found.push(element.outerHTML.slice(0, 200));
    for (const { name, value } of element.attributes) {
      if (name.startsWith("on") || /^\\s*(?:javascript|vbscript|file|data:text)/i.test(value))
        found.push(`${name}=${value}`.slice(0, 200));
      if (name === "data-action" && value !== "clipboard#copyCode") found.push(value);
    }
  }
  return found;
}"""


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    with Canary() as canary:
        yield canary


def assert_harmless(desk: Desk, canary: Canary) -> None:
    assert desk.page.evaluate("window.owned") is None
    assert desk.page.evaluate(_FORBIDDEN) == []
    assert canary.asked == []
    assert len(desk.page.context.pages) == 1


def test_stored_answers_run_nothing_and_load_nothing(
    desks: Desks, site: TramServer, canary: Canary
) -> None:
    hostile = payloads(canary.origin)
    assert len(hostile) > 70
    texts = [text for payload in hostile for text in (payload, payload)]
    ids = store(site, *(Story("Hostile", texts[at : at + 40]) for at in range(0, len(texts), 40)))
    alice = desks("alice")
    for conversation in ids:
        alice.go(f"/c/{conversation}/")
        expect(alice.messages).not_to_have_count(0)
        alice.page.wait_for_load_state("networkidle")
        assert_harmless(alice, canary)


def test_streamed_answers_run_nothing_and_load_nothing_in_any_piece(
    desks: Desks, relay: RelayScripts, canary: Canary
) -> None:
    alice = desks("alice").go()
    hostile = payloads(canary.origin)
    # Pieces of a few letters: the text is rendered again and again while it is cut anywhere.
    relay.next_says_slowly("\n\n".join(hostile) + "\n\nThe end.", tokens=60, pause_seconds=0.05)
    alice.send("Do your worst")
    expect(alice.answer_text).to_contain_text("The end.", timeout=30_000)
    alice.wait_ended()
    assert_harmless(alice, canary)


def test_hostile_reasoning_titles_and_questions_stay_text(
    desks: Desks, site: TramServer, canary: Canary
) -> None:
    evil = f"<img src=x onerror='window.owned=1'><img src={canary.origin}/i>"
    [conversation] = store(site, Story(evil, [evil, evil], reasoning=evil))
    alice = desks("alice").go(f"/c/{conversation}/")
    expect(alice.shown_title).to_have_text(evil)
    alice.answer.locator(".reasoning summary").click()
    expect(alice.answer.locator("[data-part=reasoning-text]")).to_contain_text("onerror")
    expect(alice.question.locator("[data-part=text]")).to_have_text(evil)
    alice.page.keyboard.press("Control+K")
    expect(alice.page.locator(".palette-choice", has_text="onerror").first).to_be_visible()
    assert_harmless(alice, canary)


def test_a_foreign_picture_is_a_chip_with_its_whole_address(
    desks: Desks, relay: RelayScripts, canary: Canary
) -> None:
    alice = desks("alice").go()
    address = f"{canary.origin}/picture.png?secret=1"
    relay.next_says(f"Look: ![a tram]({address}) and [a link]({canary.origin}/page).")
    alice.ask("Show me a picture")
    chip = alice.answer.locator(".picture-chip")
    expect(chip).to_contain_text(address)
    expect(chip).to_contain_text("a tram")
    expect(chip).to_have_attribute("rel", "noopener noreferrer nofollow")
    expect(alice.answer.get_by_role("link", name="a link")).to_have_attribute(
        "rel", "noopener noreferrer nofollow"
    )
    assert_harmless(alice, canary)


def test_a_picture_in_the_answer_itself_is_shown(desks: Desks, relay: RelayScripts) -> None:
    alice = desks("alice").go()
    dot = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    relay.next_says(f"![a dot](data:image/gif;base64,{dot})")
    alice.ask("Show me a dot")
    expect(alice.answer.get_by_role("img", name="a dot")).to_be_attached()
