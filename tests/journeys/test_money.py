"""What owners and members see of money: their credit, their statement, their own usage."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.journeys.desk import Desk, Desks
from tests.journeys.relay import RelayScripts
from tests.journeys.soundness import assert_sound, tab_to
from tests.journeys.test_company import SET_ROLE
from tests.servers import TramServer

CODE = re.compile(r"\b(?:[0-9A-Z]{5}-){3}[0-9A-Z]{5}\b")
CALM = {"reduced_motion": "reduce"}


def credit_link(desk: Desk) -> str:
    """Where the person's menu leads to."""
    return desk.page.locator("#person-menu a", has_text="Credit").get_attribute("href") or ""


@pytest.mark.slow
def test_a_code_is_shown_once_and_an_owner_redeems_it_by_keyboard_alone(desks: Desks) -> None:
    alice = desks("alice", **CALM)
    alice.page.goto(alice.url + "/admin/billing/code/add/")
    alice.page.get_by_label("Each worth, USD").fill("many")
    alice.page.get_by_role("button", name="Make codes").click()
    expect(alice.page.locator(".errorlist")).to_contain_text("is not an amount in USD")
    assert_sound(alice)
    alice.page.get_by_label("Each worth, USD").fill("7")
    alice.page.keyboard.press("Enter")
    expect(alice.page.get_by_role("status")).to_contain_text("They are not shown again")
    code = alice.page.locator("pre.codes").inner_text().strip()
    assert CODE.fullmatch(code)
    assert_sound(alice)
    alice.page.get_by_role("link", name="To all codes").click()
    expect(alice.page.locator("#result_list")).to_contain_text(code[-4:])
    assert code not in alice.page.content()
    assert_sound(alice)

    charlie = desks("charlie", **CALM).go()
    tab_to(charlie, charlie.page.locator(".person-button"))
    charlie.page.keyboard.press("Enter")
    credit = charlie.page.locator("#person-menu").get_by_role("link", name="Credit")
    tab_to(charlie, credit)
    charlie.page.keyboard.press("Enter")
    expect(charlie.page.get_by_role("heading", level=1)).to_have_text("Credit of Other")
    field = charlie.page.get_by_label("Code")
    tab_to(charlie, field)
    charlie.page.keyboard.type(code.lower().replace("-", " "))
    charlie.page.keyboard.press("Enter")
    expect(charlie.page.get_by_role("status")).to_have_text(
        "USD\N{NO-BREAK SPACE}7.00 credit added."
    )
    left = charlie.page.get_by_role("row", name="Left")
    expect(left).to_contain_text("USD\N{NO-BREAK SPACE}12.00")
    assert_sound(charlie)
    field.fill(code)
    field.press("Enter")
    expect(charlie.page.locator(".errorlist")).to_contain_text("redeemed already")
    expect(left).to_contain_text("USD\N{NO-BREAK SPACE}12.00")
    assert_sound(charlie)


@pytest.mark.slow
def test_a_member_is_refused_until_her_role_allows_it(desks: Desks, site: TramServer) -> None:
    desks.watch.expect("403")
    alice, bob = desks("alice", **CALM).go(), desks("bob", **CALM).go()
    bob.page.locator(".person-button").click()
    expect(bob.page.locator("#person-menu")).to_be_visible()
    credit = bob.page.locator("#person-menu").get_by_role("link", name="Credit")
    expect(credit).to_be_hidden()
    team_page = credit_link(alice)
    refused = bob.second_tab()
    for path in (team_page, team_page.replace("/credit/", "/usage/statement/")):
        answer = refused.page.goto(bob.url + path)
        assert answer is not None
        assert answer.status == 403
        expect(refused.page.locator("main")).to_contain_text("owners and admins")
    assert_sound(refused)
    site.manage("shell", "-c", SET_ROLE.format("ADMIN"))
    credit.click()
    expect(bob.page.get_by_role("heading", level=1)).to_have_text("Credit of Demo")
    site.manage("shell", "-c", SET_ROLE.format("MEMBER"))


@pytest.mark.slow
def test_usage_and_the_statement_are_read_in_another_month_zone_and_currency_and_kept(
    desks: Desks, relay: RelayScripts, tmp_path: Path
) -> None:
    alice = desks("alice", **CALM).go()
    alice.choose_model("gpt-4.1")
    relay.next_says("An answer that costs something.")
    alice.ask("What does this cost?")
    page = alice.page
    page.goto(alice.url + "/admin/billing/exchangerate/add/")
    page.get_by_label("Currency").select_option("CNY")
    page.get_by_label("For USD 1").fill("7.2")
    assert_sound(alice)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#result_list")).to_contain_text("7.2")

    page.goto(alice.url + "/usage/")
    expect(page.get_by_role("table", name="By model")).to_contain_text("gpt-4.1")
    expect(page.get_by_role("table", name="Demo")).to_contain_text("The credit of Demo")
    assert_sound(alice)

    page.goto(alice.url + "/usage/statement/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Statement of Demo")
    expect(page.get_by_role("table", name="By person")).to_contain_text("alice")
    choices = page.get_by_role("navigation", name="Month, time zone and currency")
    choices.get_by_role("link", name="Asia/Shanghai").click()
    expect(choices.get_by_role("link", name="Asia/Shanghai")).to_have_attribute(
        "aria-current", "true"
    )
    choices.get_by_role("link", name="CNY").click()
    expect(page.locator("main")).to_contain_text("CNY\N{NO-BREAK SPACE}7.2")
    expect(page.get_by_role("table", name="By person")).to_contain_text("CNY")
    assert_sound(alice)
    for kind, begins in (("CSV", b"\xef\xbb\xbf"), ("Excel", b"PK")):
        with page.expect_download() as kept:
            page.get_by_role("link", name=kind).click()
        kept.value.save_as(tmp_path / kind)
        assert (tmp_path / kind).read_bytes().startswith(begins)
    page.locator("a[rel=prev]").click()
    expect(page.get_by_role("table", name="By person")).to_have_count(0)
    expect(page.locator("main")).to_contain_text("Asia/Shanghai")
