"""`make screenshots`: the pictures of the documents, taken from the running product."""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from config.embedded.page import build_page
from tests.conftest import BROWSERS
from tests.journeys.desk import NARROW, Desk, Desks
from tests.journeys.launching import FLAGS
from tests.journeys.library import Story, store
from tests.journeys.relay import QUICK_RELAY, RelayScripts
from tests.processes import ROOT
from tests.servers import TramServer, make_template

IMAGES = ROOT / "docs" / "images"
QUESTION = "How do I read a large CSV file in Python without filling the memory?"
ANSWER = """Read it **row by row**: a generator holds one row at a time, whatever the file's size.

```python
import csv
from collections.abc import Iterator

def rows(path: str) -> Iterator[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)
```

| Way | Memory for 10 GB | Good for |
|:----|-----------------:|:---------|
| `rows(path)` | < 1 MB | filters, sums, one pass |
| `pandas`, `chunksize=50_000` | about 50 MB | tables that need columns |
| DuckDB | as you allow | joins and groups |
"""
PAST = (
    Story("Kế hoạch ra mắt tháng Ba", ["Lập kế hoạch ra mắt", "Trước hết…"]),
    Story("Why the nightly import was slow", ["Look at this log", "The index…"]),
    Story("给客户的说明信", ["请帮我写一封说明信", "好的……"], days_ago=1),
    Story("Names for the new release", ["Suggest ten names", "Ten names…"], days_ago=1),
    Story("SQL for monthly totals", ["How do I group by month?", "With…"], days_ago=4),
    Story("Onboarding checklist", ["Draft a checklist", "Day one…"], days_ago=5),
)
ASKED_BY_OTHERS = (
    ("bob", "sonnet", "Think about our timetable, in short"),
    ("bob", "v3.2", "Derive the formula for the mean waiting time"),
    ("alice", "gemini", "Compare bus and tram in a table"),
    ("alice", "gpt-4.1", "Write a short function in Python"),
)
TICKETS = (
    '{"id": "T-1", "prompt": "Ticket 1: the second door of car 12 does not close in the cold."}',
    '{"id": "T-2", "prompt": "Ticket 2: the display shows the wrong stop after the depot."}',
    '{"id": "T-3", "promt": "Ticket 3: the bell rings twice."}',
    *(
        f'{{"id": "T-{n}", "prompt": "Ticket {n}: the ticket machine gives no change."}}'
        for n in range(4, 31)
    ),
)
SUMMARIES = (
    "Door 2 of car 12 sticks below 5 °C; the seal is to be changed.",
    "Past the depot the display is one stop ahead; the route file is to be corrected.",
    "The machine of car 4 gives no change; its coin tray is to be emptied.",
    "The machine of car 5 gives no change; its coin tray is to be emptied.",
)


def main() -> int:
    """Take every picture; exit status 1 where there is no Chromium."""
    program = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if program is None:
        sys.stderr.write("screenshots need Chromium on this machine\n")
        return 1
    build_page()
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        template = make_template(Path(folder) / "template")
        site_folder = Path(folder) / "site"
        with TramServer(site_folder, template, relay_options=QUICK_RELAY) as site:
            browser = play.chromium.launch(executable_path=program, args=FLAGS)
            take_all(site, browser)
            browser.close()
    return 0


def take_all(site: TramServer, browser: Browser) -> None:
    """Make a past and a conversation, then take it by day, by night, on a phone; the admin last."""
    desks = Desks(browser, site, {})
    for name, model, question in ASKED_BY_OTHERS:
        desk = desks(name).go()
        desk.choose_model(model)
        desk.ask(question)
    store(site, *PAST)
    alice = desks("alice").go()
    alice.choose_model("gpt-4.1")
    RelayScripts(site).next_says(ANSWER)
    alice.ask(QUESTION)
    alice.page.mouse.move(0, 0)
    path = alice.page.url.removeprefix(site.url)
    picture(desks("alice").go(path), "chat.png")
    picture(desks("alice", color_scheme="dark").go(path), "chat-dark.png")
    picture(
        desks("alice", viewport=NARROW, has_touch=True, is_mobile=True).go(path), "chat-narrow.png"
    )
    batch(alice, RelayScripts(site))
    alice.page.goto(site.url + "/admin/")
    alice.page.screenshot(path=IMAGES / "admin.png")
    desks.close()


def batch(desk: Desk, relay: RelayScripts) -> None:
    """Take a batch under way: some lines answered, one failed, one being written."""
    page = desk.page
    page.goto(desk.url + "/batches/")
    page.get_by_label("Or the lines themselves").fill("\n".join(TICKETS))
    page.get_by_label("Name").fill("Tickets of November, in a sentence each")
    page.get_by_label("Answers at a time").fill("1")
    for answer in SUMMARIES:
        relay.next_says(answer)
    relay.next_hangs_after("The ticket machine")
    page.get_by_role("button", name="Start the batch").click()
    expect(page.locator("#batch-lines tr", has_text="Running")).to_have_count(1)
    expect(page.locator("#batch-lines tr", has_text="Answered")).to_have_count(len(SUMMARIES))
    page.screenshot(path=IMAGES / "batch.png")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Go on")).to_be_visible()


def picture(desk: Desk, name: str) -> None:
    """Take the page once the answer, its fonts and the list are there."""
    expect(desk.answer.locator("figure.code .hljs-keyword").first).to_be_attached()
    expect(desk.conversations).not_to_have_count(0)
    desk.page.evaluate("document.fonts.ready.then(() => true)")
    desk.page.screenshot(path=IMAGES / name)


if __name__ == "__main__":
    sys.exit(main())
