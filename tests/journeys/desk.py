"""A person at a page of Tram, in the words of what they do."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    ViewportSize,
    expect,
)

from tests.journeys.watching import Watch
from tests.servers import TramServer

WIDE = ViewportSize(width=1280, height=800)
NARROW = ViewportSize(width=360, height=740)
Cookies = list[dict[str, str]]
TIMEOUT_MS = 10_000
expect.set_options(timeout=TIMEOUT_MS)


class Desk:
    """One tab of one person's browser."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def go(self, path: str = "/") -> "Desk":
        """Open a page of the site and wait until the model's name is there."""
        self.page.goto(self.url + path)
        expect(self.page.locator(".model-button-name")).not_to_have_text("…")
        return self

    def reload(self) -> None:
        self.page.reload()
        expect(self.page.locator(".model-button-name")).not_to_have_text("…")

    def second_tab(self) -> "Desk":
        """Open the same address in another tab of the same browser."""
        other = Desk(self.page.context.new_page(), self.url)
        other.page.goto(self.page.url)
        return other

    @property
    def composer(self) -> Locator:
        return self.page.locator("#composer-text")

    @property
    def reason(self) -> Locator:
        """Why the message was not sent."""
        return self.page.locator(".composer-reason")

    @property
    def act(self) -> Locator:
        """The button that is Send or Stop."""
        return self.page.locator(".composer button.send")

    @property
    def messages(self) -> Locator:
        return self.page.locator("[data-message]")

    @property
    def answer(self) -> Locator:
        """The newest answer."""
        return self.page.locator("[data-message][data-role=assistant]").last

    @property
    def answer_text(self) -> Locator:
        return self.answer.locator("[data-part=text]")

    @property
    def question(self) -> Locator:
        """The newest message of a person."""
        return self.page.locator("[data-message][data-role=user]").last

    @property
    def again(self) -> Locator:
        """The menu to have something answered again."""
        return self.page.get_by_role("dialog", name="Answer again")

    @property
    def conversations(self) -> Locator:
        return self.page.locator(".conversation-link")

    @property
    def announced(self) -> Locator:
        return self.page.locator("[data-page-target=live]")

    @property
    def shown_title(self) -> Locator:
        return self.page.locator(".title-button")

    def send(self, text: str) -> None:
        self.composer.fill(text)
        self.composer.press("Enter")

    def ask(self, text: str) -> Locator:
        """Send and wait for the whole answer."""
        before = self.page.locator("[data-message][data-role=assistant]").count()
        self.send(text)
        expect(self.page.locator("[data-message][data-role=assistant]")).to_have_count(before + 1)
        self.wait_ended()
        return self.answer

    def wait_running(self) -> None:
        expect(self.act).to_have_attribute("data-state", "stop")

    def wait_ended(self) -> None:
        """Wait until no answer is being written."""
        expect(self.page.locator("[data-message][data-live]")).to_have_count(0)
        expect(self.act).to_have_attribute("data-state", "send")

    def wait_longer_than(self, length: int) -> int:
        """Wait until the newest answer has more text; return how much it has."""
        self.page.wait_for_function(
            """length => {
              const texts = document.querySelectorAll(
                '[data-role=assistant] > [data-part=text]');
              return [...texts].at(-1)?.textContent.length > length;
            }""",
            arg=length,
        )
        return len(self.answer_text.inner_text())

    def record_growth(self) -> Callable[[], list[int]]:
        """Note each length that the newest answer has from now on; the result reads the notes."""
        self.page.evaluate(
            """() => {
              window.lengths = [];
              new MutationObserver(() => {
                const texts = document.querySelectorAll('[data-role=assistant] > [data-part=text]');
                window.lengths.push([...texts].at(-1)?.textContent.length ?? 0);
              }).observe(document.querySelector('.messages'),
                         { childList: true, characterData: true, subtree: true });
            }"""
        )
        return lambda: sorted(set(self.page.evaluate("window.lengths")))

    def use(self, tool: str, message: Locator) -> None:
        """Press a tool of a message, which shows them when it is pointed at."""
        message.hover()
        message.get_by_role("button", name=tool, exact=True).click()

    def choose_model(self, name: str) -> None:
        self.page.locator(".model-button").click()
        self.page.get_by_role("searchbox", name="Search models").fill(name)
        self.page.locator(".model-list .model").first.click()
        expect(self.page.locator("dialog[open]")).to_have_count(0)

    def answer_again(self) -> None:
        """Have the newest answer written again by the model that is chosen."""
        self.use("Answer again", self.answer)
        self.again.get_by_role("button", name="Answer again").click()

    def hover_conversation(self, title: str) -> Locator:
        row = self.page.locator(".conversation", has_text=title)
        row.hover()
        return row

    def menu_of(self, title: str, choice: str) -> None:
        """Choose something of the menu of a conversation in the list."""
        self.hover_conversation(title).locator(".conversation-more").click()
        self.page.locator("#conversation-menu").get_by_text(choice, exact=True).click()

    def screenshot(self, path: str) -> None:
        self.page.screenshot(path=path)


class Desks:
    """Browsers of people; nobody signs in twice for the tests of a module."""

    def __init__(self, browser: Browser, site: TramServer, signed_in: dict[str, Cookies]) -> None:
        self._browser = browser
        self._site = site
        self._signed_in = signed_in
        self._contexts: list[BrowserContext] = []
        self.watch = Watch(site.url)

    def __call__(self, name: str | None, **options: Any) -> Desk:
        """Sit a person (None: a stranger) down; `options` are those of a browser context."""
        options = {"viewport": WIDE, "locale": "en-GB", **options}
        context = self._browser.new_context(**options)
        context.set_default_timeout(TIMEOUT_MS)
        self._contexts.append(context)
        self.watch.over(context)
        if name is not None:
            context.add_cookies(self._cookies(name))  # type: ignore[arg-type]
        return Desk(context.new_page(), self._site.url)

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _cookies(self, name: str) -> Cookies:
        if name not in self._signed_in:
            self._signed_in[name] = signed_in_as(self._site, name)
        return self._signed_in[name]


def signed_in_as(site: TramServer, name: str) -> Cookies:
    """Sign a person in; the cookies are for any number of browsers."""
    with closing(site.sign_in(name)) as client:
        return [
            {"name": key, "value": value, "url": site.url} for key, value in client.cookies.items()
        ]
