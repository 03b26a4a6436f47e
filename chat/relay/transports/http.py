"""HTTP to one relay. The only module that knows what carries it, and the border for its errors.

httpx's interface over aiohttp's connections: half the CPU per small read of httpx's own, and a
stream cancelled twice is closed, where httpx's own leaves it running and billing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from chat.relay.address_guard import Lookup, check_url
from chat.relay.errors import RelayError, RelayProtocol, RelayTimeout, RelayUnavailable
from chat.relay.failures import MAX_MESSAGE_LENGTH, encodable, error_for_response
from chat.relay.keys import authorization, redact
from chat.relay.settings import RelaySettings
from chat.relay.transports.guarded_resolver import GuardedResolver
from chat.relay.transports.tls import tls_context
from chat.relay.watch import Watch

# What a broken connection raises; httpx-aiohttp lets some of aiohttp's errors through.
CONNECTION_ERRORS = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError)

MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
MAX_ERROR_BODY_BYTES = 64 * 1024

# By context, as httpx hands nothing through to aiohttp.
_on_sent: ContextVar[Callable[[], None] | None] = ContextVar("on_sent", default=None)


class RelayHTTP:
    """Requests to one relay; one client for each event loop, made when first needed."""

    def __init__(self, settings: RelaySettings, lookup: Lookup | None = None) -> None:
        """`lookup` finds the addresses of a name where they are judged; None = the system's."""
        self._settings = settings
        self._lookup = lookup
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = (
            WeakKeyDictionary()
        )

    async def open(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        accept: str,
        watch: Watch,
        on_sent: Callable[[], None] | None = None,
    ) -> httpx.Response:
        """Send a request and return its response with the body unread; the caller closes it.

        `on_sent` is called when a connection stands and the request goes out on it. Raises
        RelayAuth for a key that cannot be sent, AddressRefused, RelayTimeout, RelayUnavailable.
        """
        headers = {
            "Accept": accept,
            # Compression would hold tokens back, and let a small answer unpack into a huge one.
            "Accept-Encoding": "identity",
            "User-Agent": "tram",
            **authorization(self._settings.api_key),
        }
        if content is not None:
            headers["Content-Type"] = "application/json"
        client = self._client()
        before = _on_sent.set(on_sent)
        try:
            request = client.build_request(method, path, content=content, headers=headers)
            with watch:
                return await client.send(request, stream=True)
        except TimeoutError:
            raise RelayTimeout("The relay did not begin to answer in time.") from None
        except CONNECTION_ERRORS as error:
            raise _error_before_answer(error, self._settings.api_key) from None
        except ValueError as error:  # an address that aiohttp cannot use
            raise RelayProtocol(f"The relay's address is wrong: {error}", sent=False) from None
        finally:
            _on_sent.reset(before)

    async def get_document(self, path: str) -> Any:
        """Return the JSON document at a path below the relay's address; raises RelayError."""
        watch = Watch()
        watch.end_within(self._settings.document_timeout_seconds)
        try:
            response = await self.open("GET", path, accept="application/json", watch=watch)
            try:
                if response.status_code != 200:
                    raise await self.refusal(response, watch)
                body = await read_body(response, MAX_DOCUMENT_BYTES, watch)
            finally:
                await response.aclose()
            return json.loads(body)
        except TimeoutError:
            raise RelayTimeout() from None
        except CONNECTION_ERRORS as error:
            raise RelayUnavailable(describe(error, self._settings.api_key)) from None
        except (ValueError, RecursionError):
            raise RelayProtocol(f"The relay's {path} is not JSON.") from None
        finally:
            watch.close()

    async def refusal(self, response: httpx.Response, watch: Watch, model: str = "") -> RelayError:
        """Return the error that a response with a status other than 200 stands for."""
        try:
            body = await read_body(response, MAX_ERROR_BODY_BYTES, watch)
        except (TimeoutError, *CONNECTION_ERRORS):
            body = b""  # the status says enough
        headers: Mapping[str, str] = response.headers
        return error_for_response(
            response.status_code,
            headers,
            body,
            now=datetime.now(UTC),
            redact=partial(redact, key=self._settings.api_key),
            model=model,
        )

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None or client.is_closed:
            if self._settings.networks is not None:
                # aiohttp asks no resolver about an address that is an IP address already.
                check_url(self._settings.base_url, self._settings.networks, ("https", "http"))
            client = httpx.AsyncClient(
                base_url=self._settings.base_url,
                transport=AiohttpTransport(client=self._new_session),
                timeout=httpx.Timeout(None, connect=self._settings.connect_timeout_seconds),
                follow_redirects=False,
                # A proxy named in the environment must not see prompts and key.
                trust_env=False,
            )
            self._clients[loop] = client
        return client

    def _new_session(self) -> aiohttp.ClientSession:
        """Unlimited, because a task cancelled while it waits for a place in a pool can leak it;
        who may talk to the relay is bounded by the caller.
        """
        networks = self._settings.networks
        resolver = None
        if networks is not None:
            plain = self._settings.base_url.lower().startswith("http:")
            resolver = GuardedResolver(networks, plain=plain, lookup=self._lookup)
        connector = aiohttp.TCPConnector(
            limit=0,
            ssl=tls_context(),
            resolver=resolver,
            use_dns_cache=resolver is None,
        )
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_tell_sent)
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            trace_configs=[trace],
        )


async def _tell_sent(*_: object) -> None:
    on_sent = _on_sent.get()
    if on_sent is not None:
        on_sent()


async def read_body(response: httpx.Response, max_bytes: int, watch: Watch) -> bytes:
    """Return at most `max_bytes` of the body; what is beyond is left unread."""
    body = bytearray()
    chunks = response.stream.__aiter__()  # type: ignore[union-attr]
    while len(body) < max_bytes:
        try:
            with watch:
                body += await chunks.__anext__()
        except StopAsyncIteration:
            break
    return bytes(body[:max_bytes])


def describe(error: Exception, key: str) -> str:
    """Return what happened to a connection, for people who run the product."""
    # Without the key: aiohttp quotes what it could not read, and that may quote the key.
    said = redact(encodable(str(error)), key)[:MAX_MESSAGE_LENGTH]
    return f"The connection to the relay failed: {said or type(error).__name__}"


def _error_before_answer(error: Exception, key: str) -> RelayError:
    """Judge a failure before the response headers by its cause: httpx-aiohttp reports lost
    connections and slow ones alike as ConnectTimeout.
    """
    cause = error.__cause__ or error
    if isinstance(cause, TimeoutError):
        return RelayTimeout("The relay did not accept a connection in time.", sent=False)
    never_connected = isinstance(cause, aiohttp.ClientConnectorError | httpx.UnsupportedProtocol)
    return RelayUnavailable(describe(error, key), sent=not never_connected)
