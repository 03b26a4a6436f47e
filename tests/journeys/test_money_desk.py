"""What the administrator does with money: limits, markups, the price book, the relay's bill."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.desk import Desk, Desks
from tests.journeys.relay import RelayScripts
from tests.journeys.soundness import assert_sound, tab_to
from tests.servers import TramServer

CALM = {"reduced_motion": "reduce"}
ADMIN = "/admin/billing/"
USD = "USD\N{NO-BREAK SPACE}"


def choose(page: Page, label: str, name: str) -> None:
    """Search and choose with the keys alone, as in every choice of the administration."""
    page.get_by_role("combobox", name=label).focus()
    page.keyboard.press("Enter")
    page.locator(".select2-search__field").fill(name)
    expect(page.locator(".select2-results__option--highlighted")).to_contain_text(name)
    page.keyboard.press("Enter")


def upload(page: Page, label: str, text: str) -> None:
    """Choose a file of this text."""
    file = {"name": "file.csv", "mimeType": "text/csv", "buffer": text.encode()}
    page.get_by_label(label, exact=True).set_input_files(file)  # type: ignore[arg-type]


def test_a_limit_is_set_used_up_and_lowered_and_refuses_with_its_name(
    desks: Desks, relay: RelayScripts
) -> None:
    alice, bob = desks("alice", **CALM), desks("bob", **CALM).go()
    page = alice.page
    page.goto(alice.url + ADMIN + "limit/add/")
    page.get_by_label("Scope").select_option("person")
    page.get_by_label("Limit, USD").fill("0.5")
    page.keyboard.press("Enter")
    expect(page.locator(".errorlist")).to_contain_text("names the person and the team")
    expect(page.get_by_text("Constraint")).to_have_count(0)
    assert_sound(alice)
    choose(page, "Team", "Demo")
    choose(page, "Person", "bob")
    page.get_by_label("Starts afresh").select_option("day")
    tab_to(alice, page.get_by_role("button", name="Save", exact=True))
    page.keyboard.press("Enter")
    row = page.locator("#result_list tbody tr", has_text="bob, Demo")
    expect(row.locator(".field-left")).to_have_text(USD + "0.50")
    bob.choose_model("gpt-4.1")
    relay.next_says("This uses some of it up.")
    bob.ask("Use some of it up")
    page.reload()
    expect(row.locator(".field-left")).not_to_have_text(USD + "0.50")
    assert_sound(alice)
    row.get_by_role("link").click()
    page.get_by_label("Limit, USD").fill("0.000001")
    page.keyboard.press("Enter")
    expect(row.locator(".field-left")).to_contain_text("−")
    bob.send("No more of this")
    expect(bob.reason).to_contain_text("Your limit has $0.00 left")
    expect(bob.composer).to_have_value("No more of this")
    assert_sound(bob)


@pytest.mark.slow
def test_a_markup_a_price_book_and_a_trial(desks: Desks, relay: RelayScripts) -> None:
    alice = desks("alice", **CALM).go()
    alice.choose_model("gpt-4.1")
    relay.next_says("An answer to be priced anew.")
    alice.ask("Price me anew")
    page = alice.page
    page.goto(alice.url + ADMIN + "markup/add/")
    page.get_by_label("Markup, percent").fill("-101")
    page.keyboard.press("Enter")
    expect(page.locator(".errorlist")).to_have_text("A markup is between -100 and 1,000 percent.")
    assert_sound(alice)
    page.get_by_label("Markup, percent").fill("12.5")
    page.keyboard.press("Enter")
    expect(page.locator("#result_list")).to_contain_text("12.5")
    assert_sound(alice)

    page.goto(alice.url + ADMIN + "priceversion/import/")
    upload(page, "Price book, CSV:", "model,input_usd,output_usd\ngpt-4.1,much,8\nnew,1,-2\n")
    page.get_by_role("button", name="Show what it adds").click()
    expect(page.locator(".errorlist")).to_contain_text(["2: 'much' is not an amount"])
    assert_sound(alice)
    upload(page, "Price book, CSV:", "model,input_usd,output_usd\ngpt-4.1,8,8\nnew,1,2\n")
    page.get_by_role("button", name="Show what it adds").click()
    expect(page.get_by_role("status")).to_contain_text("2 prices would be added")
    assert_sound(alice)
    page.get_by_role("button", name="Add these prices").click()
    expect(page.locator("#result_list")).to_contain_text("new")

    page.goto(alice.url + ADMIN + "priceversion/add/")
    page.get_by_label("Model").fill("gpt-4.1")
    page.get_by_label("Input, USD:", exact=True).fill("16")
    page.get_by_label("Output, USD:", exact=True).fill("16")
    page.get_by_role("button", name="Try on past traffic").click()
    tried = page.get_by_role("region", name="What it would have cost")
    expect(tried.get_by_role("row", name="gpt-4.1")).to_contain_text("100.0")
    assert_sound(alice)
    page.get_by_role("link", name="Go on to save this price").click()
    expect(page.get_by_label("Input, USD:", exact=True)).to_have_value("16")


def an_hour_passes(site: TramServer) -> None:
    """What was answered is from an hour ago: a bill ends with the last whole minute."""
    earlier = "created_at = strftime('%Y-%m-%d %H:%M:%f', created_at, '-1 hour')"
    with closing(sqlite3.connect(site.data_dir / "tram.sqlite3", timeout=20)) as database, database:
        for table in ("chat_turn", "chat_attempt"):
            database.execute(f"UPDATE {table} SET {earlier}")


def bill_of(site: TramServer) -> str:
    """What the relay would send, but for one answer of which it counted ten tokens more."""
    tries = site.rows(
        "SELECT created_at, model, prompt_tokens, completion_tokens, response_id FROM chat_attempt"
        " WHERE outcome = 'completed' ORDER BY id"
    )
    lines = ["time,model,prompt_tokens,completion_tokens,request_id"]
    for number, (at, model, prompt, completion, reference) in enumerate(tries):
        more = 0 if number else 10
        lines.append(f"{at.replace(' ', 'T')}Z,{model},{prompt},{completion + more},{reference}")
    return "\n".join(lines) + "\n"


def fill_bill(alice: Desk, text: str) -> None:
    """The last hours, and a bill."""
    now = datetime.now(UTC)
    page = alice.page
    page.get_by_label("From, UTC").fill(f"{now - timedelta(hours=3):%Y-%m-%dT%H:%M}")
    page.get_by_label("To, UTC").fill(f"{now + timedelta(minutes=1):%Y-%m-%dT%H:%M}")
    upload(page, "Bill:", text)


@pytest.mark.slow
def test_an_uploaded_bill_is_compared_and_corrects_when_it_comes_again(
    desks: Desks, relay: RelayScripts, site: TramServer
) -> None:
    alice = desks("alice", **CALM).go()
    relay.next_says("An answer that the relay counts otherwise.")
    alice.ask("Count me otherwise")
    an_hour_passes(site)
    page = alice.page
    page.goto(alice.url + ADMIN + "reconciliationrun/add/")
    fill_bill(alice, "time,model\n")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".errorlist")).to_contain_text("There is no column prompt_tokens")
    assert_sound(alice)
    bill = bill_of(site)
    fill_bill(alice, bill)
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="What this bill would correct")).to_be_visible()
    expect(page.locator(".results")).to_contain_text("Other counts of tokens")
    assert_sound(alice)
    upload(page, "Bill:", bill)
    page.get_by_role("button", name="Correct").click()
    expect(page.locator(".messagelist")).to_have_text("Everything confirmed or corrected")
    assert_sound(alice)
    page.get_by_role("link", name="Other counts of tokens: 1").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.goto(alice.url + ADMIN + "reconciliationrun/")
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    assert_sound(alice)
    page.goto(alice.url + ADMIN + "settlement/?quality__exact=reconciled")
    expect(page.locator("#result_list tbody tr").first).to_contain_text("econciled")
