"""Who calls, and that no other site makes a person's browser call."""

from typing import cast

from django.http import HttpRequest
from ninja.utils import check_csrf

from accounts.authentication import authenticate_request
from accounts.policy import Principal

FOREIGN_SITES = frozenset({"cross-site", "same-site"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class CsrfRefused(Exception):
    """The request does not come from this site's own page. Reload the page and try again."""

    code = "csrf_failed"


def prove(request: HttpRequest) -> Principal | None:
    """Return who calls, by session cookie or by API key; None proves nobody.

    Raises:
        CsrfRefused: a session may change something only with the page's token. Keys need none:
            no browser sends them by itself.
    """
    principal = authenticate_request(request)
    if principal is not None and principal.via == "session":
        _refuse_foreign_pages(request)
    return principal


def principal_of(request: HttpRequest) -> Principal:
    """Return who was proven to call."""
    return cast(Principal, request.auth)  # type: ignore[attr-defined]


def _refuse_foreign_pages(request: HttpRequest) -> None:
    if request.method in SAFE_METHODS:
        return
    if request.headers.get("Sec-Fetch-Site") in FOREIGN_SITES or check_csrf(request) is not None:
        raise CsrfRefused
