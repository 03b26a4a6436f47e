"""Looks over the shoulder of every page: nothing may go wrong unseen."""

import re
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Page, Request

# The page's policy does not hold for scripts of the browser's own debugger, as this one is.
_TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => console.error(
  `policy violation: ${event.effectiveDirective} by ${event.blockedURI} ${event.sample} `
  + `at ${event.sourceFile}:${event.lineNumber}`));
"""


class Watch:
    """Collects what no page may do."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.faults: list[str] = []
        self.foreign: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    def over(self, context: BrowserContext) -> None:
        """Watch every page of a context from its first line on."""
        context.add_init_script(_TELL_VIOLATIONS)
        context.on("page", self._watch_page)
        context.on("request", self._request)

    def expect(self, pattern: str) -> None:
        """Let faults pass that match: the browser itself reports a lost connection as an error."""
        self._expected.append(re.compile(pattern))

    def assert_clean(self) -> None:
        """Fail with everything that was seen and not expected."""
        wrong = [
            fault
            for fault in self.faults
            if not any(pattern.search(fault) for pattern in self._expected)
        ]
        assert not wrong, "\n".join(wrong)
        assert not self.foreign, f"asked foreign hosts: {self.foreign}"

    def _watch_page(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"uncaught: {error}"))
        page.on("dialog", self._dialog)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console {message.type}: {message.text} ({message.location})")

    def _dialog(self, dialog: Dialog) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("data", "blob", "about"):
            return
        if f"{address.scheme}://{address.netloc}" != self.origin:
            self.foreign.append(request.url)
