"""Leave for foreign pages, by a list of exact origins, to use the API with a key (CORS).

A page that has leave sends no cookie that counts: its requests come without one, and what comes all
the same is taken away before anybody sees it.
"""

import re
from collections.abc import Collection
from typing import Any

PATHS = ("/v1/", "/api/")
METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
USUAL_HEADERS = b"authorization, content-type, idempotency-key"
EXPOSED = (
    b"x-request-id, openai-processing-ms, retry-after, x-ratelimit-limit-requests, "
    b"x-ratelimit-remaining-requests, x-ratelimit-reset-requests, x-ratelimit-limit-tokens, "
    b"x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens"
)
MAX_AGE_SECONDS = 600
VARY = (b"vary", b"Origin")
_HEADER_NAMES = re.compile(rb"[A-Za-z0-9\-]+(\s*,\s*[A-Za-z0-9\-]+)*")
LONGEST_NAMES = 2_000


class CrossOrigin:
    """Stands before `application` (ASGI) and lets the pages of `origins` use it."""

    def __init__(self, application: Any, origins: Collection[str]) -> None:
        """`origins` are as a browser writes them; none: nothing is different."""
        self._application = application
        self._origins = frozenset(origin.encode() for origin in origins)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if not self._origins or not scope["path"].startswith(PATHS):
            await self._application(scope, receive, send)
            return
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        if origin not in self._origins:
            await self._application(scope, receive, _adding(send, [VARY]))
        elif scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await _permit(send, origin, headers.get(b"access-control-request-headers", b""))
        else:
            kept = [each for each in scope["headers"] if each[0] != b"cookie"]
            told = [
                VARY,
                (b"access-control-allow-origin", origin),
                (b"access-control-expose-headers", EXPOSED),
            ]
            await self._application({**scope, "headers": kept}, receive, _adding(send, told))


def _adding(send: Any, headers: list[tuple[bytes, bytes]]) -> Any:
    async def send_with(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *headers]}
        await send(message)

    return send_with


async def _permit(send: Any, origin: bytes, wanted: bytes) -> None:
    """Answer what a browser asks before it sends a page's request."""
    # Clients name headers of their own, which nobody reads here.
    named = len(wanted) <= LONGEST_NAMES and _HEADER_NAMES.fullmatch(wanted)
    headers = [
        VARY,
        (b"vary", b"Access-Control-Request-Headers"),
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", METHODS),
        (b"access-control-allow-headers", wanted if named else USUAL_HEADERS),
        (b"access-control-max-age", str(MAX_AGE_SECONDS).encode()),
        (b"content-length", b"0"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
