"""axe, the checker of accessibility, finds nothing."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.journeys.desk import NARROW, Desk, Desks
from tests.journeys.relay import RelayScripts
from tests.journeys.test_prose import RICH

AXE = Axe().axe_script
# A colour halfway from day to night is nobody's.
LOOK = """async (options) => {
  for (const change of document.getAnimations())
    if (change instanceof CSSTransition) change.finish();
  return (await axe.run(options)).violations;
}"""


def violations(desk: Desk, *rules: str) -> list[str]:
    """What axe finds, a line each. The browser's debugger runs it, past the page's policy.

    With `rules` it looks for these alone. What it would preload it puts into the page as inline
    styles, which the policy forbids.
    """
    options: dict[str, Any] = {"preload": False, "resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    if not desk.page.evaluate("'axe' in window"):
        desk.page.evaluate(AXE)
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:160]} {node['failureSummary'][:300]}"
        for rule in desk.page.evaluate(LOOK, options)
        for node in rule["nodes"]
    ]


def rich_chat(desks: Desks, relay: RelayScripts, **options: Any) -> Desk:
    """A conversation with an answer that has everything, one that failed, and reasoning."""
    alice = desks("alice", reduced_motion="reduce", **options).go()
    relay.next_says(RICH)
    alice.ask("Everything, for axe")
    relay.next_breaks_after("Half of it")
    alice.send("Now fail")
    expect(alice.answer.get_by_role("button", name="Continue")).to_be_visible()
    return alice


def test_axe_finds_nothing_on_the_pages_of_strangers(desks: Desks) -> None:
    stranger = desks(None)
    for path in ("/accounts/login/", "/accounts/password/reset/"):
        stranger.page.goto(stranger.url + path)
        assert violations(stranger) == []
    stranger.page.emulate_media(color_scheme="dark")
    assert violations(stranger) == []


def test_axe_finds_nothing_in_a_new_chat(desks: Desks) -> None:
    alice = desks("alice").go()
    assert violations(alice) == []


def test_axe_finds_nothing_in_a_chat_by_day_and_by_night(desks: Desks, relay: RelayScripts) -> None:
    alice = rich_chat(desks, relay)
    assert violations(alice) == []
    alice.page.emulate_media(color_scheme="dark")
    assert violations(alice) == []


def test_axe_finds_nothing_on_a_phone_with_and_without_the_drawer(
    desks: Desks, relay: RelayScripts
) -> None:
    alice = rich_chat(desks, relay, viewport=NARROW, has_touch=True, is_mobile=True)
    assert violations(alice) == []
    alice.page.get_by_role("button", name="Open the list").tap()
    expect(alice.page.locator("#sidebar")).to_be_in_viewport(ratio=0.9)
    assert violations(alice) == []


def test_axe_finds_nothing_in_dialogs_and_menus(desks: Desks) -> None:
    alice = desks("alice").go()
    alice.page.locator(".model-button").click()
    assert violations(alice) == []
    alice.page.keyboard.press("Escape")
    alice.page.keyboard.press("Control+K")
    expect(alice.page.locator(".palette-choice").first).to_be_visible()
    assert violations(alice) == []
    alice.page.keyboard.press("Escape")
    alice.page.locator(".person-button").click()
    assert violations(alice) == []
