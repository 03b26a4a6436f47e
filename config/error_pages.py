"""Error pages for developers (DEBUG) and error mails: they show everything but secrets.

Django hides settings by their names, and of a request nothing while DEBUG is on. Here a settings
group stands under one name, and a form may hold a relay's key.
"""

import html
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from config.logs import Redactor


class Filter(SafeExceptionReporterFilter):
    """Heeds what views and functions mark as sensitive, also while DEBUG is on."""

    def is_active(self, request: HttpRequest | None) -> bool:  # noqa: ARG002
        """Always."""
        return True


class Report(ExceptionReporter):
    """A traceback with every known secret, and everything that looks like a key, hidden."""

    def get_traceback_html(self) -> SafeString:
        """As a page."""
        return _without_secrets(super().get_traceback_html())

    def get_traceback_text(self) -> SafeString:
        """As text."""
        return _without_secrets(super().get_traceback_text())


def _without_secrets(text: str) -> SafeString:
    known = [*settings.SECRETS, urlsplit(settings.SITE.redis_url).password or ""]
    return SafeString(Redactor([*known, *map(html.escape, known)]).text(text))
