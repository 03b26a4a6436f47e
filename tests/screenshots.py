"""`make screenshots`: the pictures of the documents, taken from the running product."""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.processes import ROOT
from tests.servers import DEMO_PASSWORD, TramServer, make_template

IMAGES = ROOT / "docs" / "images"
WINDOW = {"width": 1280, "height": 800}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> int:
    browser_path = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser_path is None:
        sys.stderr.write("screenshots need Chromium on this machine\n")
        return 1
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        template = make_template(Path(folder) / "template")
        with TramServer(Path(folder) / "site", template) as server:
            browser = play.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
            page = browser.new_page(viewport=WINDOW)  # type: ignore[arg-type]
            sign_in(page, server.url)
            ask(page, "Which is better for a busy street, bus or tram? Show me a table.")
            page.screenshot(path=IMAGES / "chat.png")
            page.emulate_media(color_scheme="dark")
            page.screenshot(path=IMAGES / "chat-dark.png")
            page.emulate_media(color_scheme="light")
            page.goto(server.url + "/admin/")
            page.screenshot(path=IMAGES / "overview.png")
            browser.close()
    return 0


def sign_in(page: Page, url: str) -> None:
    page.goto(url)
    page.fill("input[name=login]", "alice")
    page.fill("input[name=password]", DEMO_PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(url + "/")


def ask(page: Page, question: str) -> None:
    page.fill("textarea", question)
    page.keyboard.press("Enter")
    # The statistics stand under an answer once it has ended.
    page.get_by_text("tokens ·").wait_for()


if __name__ == "__main__":
    sys.exit(main())
