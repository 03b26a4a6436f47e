"""Many prompts at once: looked at, sent, watched, stopped, taken home."""

import csv
import io
import json
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.journeys.desk import Desk, Desks
from tests.journeys.relay import RelayScripts
from tests.journeys.soundness import assert_sound, tab_to

CALM = {"reduced_motion": "reduce"}
LINES = [
    '{"id": "first", "prompt": "The first prompt"}',
    '{"id": "second", "prompt": "The second prompt"}',
    "this is not JSON",
    *(f'{{"prompt": "Prompt {number}"}}' for number in (4, 5, 6)),
]


def new_batch(desk: Desk) -> Page:
    """Open the page and, where batches are listed already, the form."""
    page = desk.page
    page.goto(desk.url + "/batches/")
    if not page.get_by_label("A file").is_visible():
        page.locator("summary", has_text="New batch").click()
    return page


def choose_file(page: Page, name: str, *lines: str) -> None:
    content = "\n".join(lines).encode()
    file = {"name": name, "mimeType": "text/plain", "buffer": content}
    page.get_by_label("A file").set_input_files(file)  # type: ignore[arg-type]


def start(page: Page) -> None:
    page.get_by_role("button", name="Start the batch").click()
    expect(page.get_by_role("progressbar")).to_be_visible()


def state(page: Page) -> Locator:
    return page.locator("#batch-figures .tag")


def bar(page: Page) -> Locator:
    return page.get_by_role("progressbar")


def row(page: Page, number: int) -> Locator:
    return page.locator(f"[data-key='{number}']")


def downloaded(page: Page, link: str, folder: Path) -> str:
    with page.expect_download() as waiting:
        page.get_by_role("link", name=link).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path.read_text(encoding="utf-8-sig")


def test_six_lines_are_looked_at_answered_and_taken_home(
    desks: Desks, relay: RelayScripts, tmp_path: Path
) -> None:
    alice = desks("alice", **CALM).go()
    page = alice.page
    tab_to(alice, page.locator(".person-button"))
    page.keyboard.press("Enter")
    page.locator("#person-menu").get_by_role("link", name="Batches").press("Enter")
    expect(page.get_by_role("region", name="Three lines of JSON")).to_contain_text("capital")
    assert_sound(alice)
    choose_file(page, "lines.jsonl", *LINES)
    verdict = page.locator("#batch-verdict")
    expect(verdict).to_contain_text("6 lines · about USD")
    expect(verdict).to_contain_text("1 line is wrong")
    expect(verdict.get_by_role("listitem")).to_contain_text("Line 3: It is not JSON")
    assert_sound(alice)
    page.get_by_label("Name").fill("Six lines")
    page.get_by_label("Answers at a time").fill("1")
    # The first is watched while it is written.
    relay.next_hangs_after("Half of an answer")
    start(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Six lines")
    expect(row(page, 1)).to_contain_text("Running")
    expect(bar(page)).to_have_attribute("aria-valuenow", "1")
    page.get_by_role("button", name="Stop").click()
    expect(state(page)).to_have_text("Stopped")
    expect(row(page, 1)).to_contain_text("Waiting")
    assert_sound(alice)
    go_on = page.get_by_role("button", name="Go on")
    tab_to(alice, go_on)
    page.keyboard.press("Enter")
    expect(state(page)).to_have_text("Finished")
    expect(bar(page)).to_have_attribute("aria-valuetext", "6 of 6")
    expect(row(page, 3)).to_contain_text("It is not JSON")
    assert_sound(alice)

    whole = row(page, 2).get_by_role("link", name="All of line 2")
    whole.click()
    expect(whole).to_have_attribute("aria-expanded", "true")
    expect(page.locator("[data-key='2'] + [data-added]")).to_contain_text("The second prompt")
    page.get_by_role("link", name="Failed 1").click()
    expect(page.locator("#batch-lines tr")).to_have_count(1)

    answers = [
        json.loads(line)
        for line in downloaded(page, "Download JSONL", tmp_path).split("\n")
        if line
    ]
    assert [answer["custom_id"] for answer in answers][:2] == ["first", "second"]
    assert [bool(answer["error"]) for answer in answers] == [
        False,
        False,
        True,
        False,
        False,
        False,
    ]
    table = list(csv.DictReader(io.StringIO(downloaded(page, "Download CSV", tmp_path))))
    assert [line["state"] for line in table].count("answered") == 5


def test_figures_follow_by_themselves_and_leave_what_is_opened(
    desks: Desks, relay: RelayScripts
) -> None:
    alice = desks("alice", **CALM)
    page = new_batch(alice)
    page.get_by_label("Or the lines themselves").fill("One\nTwo\nThree")
    page.get_by_label("Answers at a time").fill("1")
    relay.next_says("The answer to the first.")
    relay.next_hangs_after("The second is long")
    start(page)
    page.evaluate("window.stayed = true")
    expect(row(page, 1)).to_contain_text("The answer to the first.")
    link = row(page, 1).get_by_role("link")
    link.focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-key='1'] + [data-added]")).to_be_visible()
    expect(row(page, 2)).to_contain_text("Running")
    # In another tab it is stopped, and let go on.
    other = alice.second_tab().page
    other.get_by_role("button", name="Stop").click()
    expect(state(page)).to_have_text("Stopped")
    expect(page.locator("[data-key='1'] + [data-added]")).to_be_visible()
    expect(link).to_be_focused()
    expect(page.locator("[data-batch-target=news]")).to_contain_text("The batch is stopped.")
    assert page.evaluate("window.stayed")


def test_what_was_typed_stays_when_it_is_refused(desks: Desks, relay: RelayScripts) -> None:
    # Refused, and deleted in the end.
    desks.watch.expect("400|404")
    bob = desks("bob", **CALM)
    page = new_batch(bob)
    choose_file(page, "lines.txt", "One", "Two")
    page.get_by_label("Or the lines themselves").fill("Three")
    page.get_by_label("Instruction to the model").fill("Be kind")
    page.get_by_role("button", name="Start the batch").click()
    verdict = page.locator("#batch-verdict")
    expect(verdict).to_contain_text("Empty one of them")
    expect(verdict).to_be_focused()
    assert page.get_by_label("A file").evaluate("field => field.files[0].name") == "lines.txt"
    expect(page.get_by_label("Instruction to the model")).to_have_value("Be kind")
    assert_sound(bob)
    page.get_by_label("Or the lines themselves").fill("")
    relay.next_hangs_after("Not to the end")
    page.get_by_label("Answers at a time").fill("1")
    start(page)
    expect(page.locator("#batch-lines tr")).to_have_count(2)
    expect(row(page, 1)).to_contain_text("Running")
    other = bob.second_tab().page
    other.locator("summary", has_text="Delete this batch").click()
    other.get_by_role("button", name="Delete for good").click()
    expect(other.get_by_text("The batch is deleted.")).to_be_visible()
    expect(page.get_by_text("This batch is not there any more")).to_be_visible()


def test_it_works_without_a_program_in_the_browser(desks: Desks) -> None:
    bob = desks("bob", java_script_enabled=False)
    page = new_batch(bob)
    choose_file(page, "lines.jsonl", *LINES)
    page.get_by_role("button", name="Only look at the lines").click()
    expect(page.locator("#batch-verdict")).to_contain_text("1 line is wrong")
    expect(page.get_by_label("Or the lines themselves")).to_have_value("\n".join(LINES))
    start(page)
    page.goto(page.url + "?state=failed")
    expect(page.locator("#batch-lines tr")).to_have_count(1)
    page.get_by_role("link", name="All of line 3").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Line 3")
    expect(page.locator("main")).to_contain_text("this is not JSON")
    page.go_back()
    page.locator("summary", has_text="Delete this batch").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("status")).to_contain_text("The batch is deleted.")
