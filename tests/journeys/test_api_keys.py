"""Bob makes an API key, keeps it, uses it, gives it another budget and revokes it."""

import httpx
from playwright.sync_api import expect

from tests.journeys.desk import Desk, Desks
from tests.journeys.soundness import assert_sound, tab_to
from tests.servers import TramServer

CALM = {"reduced_motion": "reduce"}


def me_by(site: TramServer, secret: str) -> int:
    """The status with which the site answers a program that brings this key."""
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.get(f"{site.url}/api/me", headers=headers).status_code


def make_key(bob: Desk) -> str:
    """Fill the form of a new key with the keys alone; returns the key that is shown."""
    page = bob.page
    page.get_by_label("Name", exact=True).fill("nightly report")
    page.get_by_label("Budget, USD").fill("lots")
    page.get_by_label("Only these:").check()
    tab_to(bob, page.get_by_role("button", name="Make the key"))
    page.keyboard.press("Enter")
    wrong = page.get_by_role("alert")
    expect(wrong).to_contain_text("Budget, USD: 'lots' is not an amount")
    expect(wrong).to_contain_text("Choose one model at least")
    expect(page.get_by_label("Name", exact=True)).to_have_value("nightly report")
    assert_sound(bob)
    wrong.get_by_role("link", name="Budget, USD").click()
    page.get_by_label("Budget, USD").fill("2.50")
    page.get_by_role("group", name="Only these models").get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("nightly report is made")
    return page.get_by_label("The key", exact=True).inner_text()


def test_a_key_is_made_shown_once_and_revoked(desks: Desks, site: TramServer) -> None:
    # What is wrong in a form is told with this status.
    desks.watch.expect("400")
    bob = desks("bob", **CALM, permissions=["clipboard-read", "clipboard-write"]).go()
    page = bob.page
    page.locator(".person-button").click()
    page.locator("#person-menu").get_by_role("link", name="API keys").click()
    expect(page.get_by_text("You have no key.")).to_be_visible()
    assert_sound(bob)
    page.get_by_role("link", name="New key").click()
    expect(page.get_by_role("group", name="Only these models")).to_be_hidden()
    assert_sound(bob)
    secret = make_key(bob)
    assert me_by(site, secret) == 200
    assert_sound(bob)
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    assert f"{site.url}/v1/chat/completions" in page.get_by_role("region", name="curl").inner_text()
    assert secret not in page.url

    page.reload()
    expect(page.get_by_role("status")).to_contain_text("shown only once")
    assert secret not in page.content()
    key = page.get_by_role("article", name="nightly report")
    expect(key).to_contain_text("of USD\N{NO-BREAK SPACE}2.50 used")
    expect(key).not_to_contain_text("Last used\nnever")
    assert_sound(bob)
    key.get_by_role("link", name="Change the budget").click()
    page.get_by_label("Budget, USD").fill("4")
    page.keyboard.press("Enter")
    expect(key).to_contain_text("of USD\N{NO-BREAK SPACE}4.00 used")
    key.get_by_role("link", name="Revoke").click()
    assert_sound(bob)
    assert me_by(site, secret) == 200
    tab_to(bob, page.get_by_role("button", name="Revoke for good"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("opens nothing any more")
    assert me_by(site, secret) == 401
