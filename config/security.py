"""Security headers of every answer: content policy, permissions, and one exception."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

SELF = "'self'"
NONE = "'none'"
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "manifest-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["default", "dompurify", "tram"],
    }
}
# Django's admin builds its widgets with jQuery, which writes HTML as text.
WITHOUT_TRUSTED_TYPES = {"require-trusted-types-for": None, "trusted-types": None}
ADMIN_PATH = "/admin/"
NEVER_STORED = ("/api/", "/health", "/ready", "/metrics")
"""What a team wrote, and what is true only now: no browser or proxy may keep a copy."""
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer",
        "browsing-topics",
        "camera",
        "display-capture",
        "geolocation",
        "gyroscope",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "usb",
    )
)


@sync_and_async_middleware
def security_headers(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Add what neither Django nor django-csp adds; stands above the CSP middleware's answers."""

    def add_headers(request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        if request.path.startswith(NEVER_STORED):
            response.headers.setdefault("Cache-Control", "no-store")
        if request.path.startswith(ADMIN_PATH):
            response._csp_replace = WITHOUT_TRUSTED_TYPES  # type: ignore[attr-defined]
        return response

    if iscoroutinefunction(get_response):

        async def answer(request: HttpRequest) -> HttpResponse:
            return add_headers(request, await get_response(request))

    else:

        def answer(request: HttpRequest) -> HttpResponse:  # type: ignore[misc]
            return add_headers(request, get_response(request))

    return answer
