"""Who may use the door: a session with the page's token, or an API key."""

import contextlib
from io import BytesIO
from typing import Any

from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from ninja.utils import check_csrf

from chat.api.credentials import FOREIGN_SITES, CsrfRefused
from chat.consumers.handshake import Closed, Greeting, greet
from chat.crossing import cross
from chat.streams.refusals import NotSignedIn


async def welcome(scope: Any) -> Greeting:
    """Return who calls. Raises NotSignedIn, CsrfRefused and django.db.Error."""
    try:
        greeting = await cross(greet, list(scope["headers"]))
    except Closed:
        raise NotSignedIn from None
    if greeting.principal.via == "session":
        _refuse_foreign_pages(scope)
    return greeting


def _refuse_foreign_pages(scope: Any) -> None:
    """A session counts only with the page's token. Keys need none: no browser sends them by
    itself."""
    request = ASGIRequest(scope, BytesIO())
    with contextlib.suppress(DisallowedHost):
        request.get_host()
        if (
            request.headers.get("Sec-Fetch-Site") not in FOREIGN_SITES
            and check_csrf(request) is None
        ):
            return
    raise CsrfRefused
