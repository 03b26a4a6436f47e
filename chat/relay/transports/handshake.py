"""Opening a WebSocket to a relay: its addresses, TCP, TLS, the upgrade; and what refusals mean."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from datetime import UTC, datetime
from functools import partial

import aiohappyeyeballs
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus, InvalidURI
from websockets.http11 import Response
from websockets.uri import WebSocketURI, parse_uri

from chat.relay.address_guard import Lookup, check_url, resolve
from chat.relay.errors import RelayError, RelayProtocol, RelayTimeout, RelayUnavailable
from chat.relay.failures import error_for_response
from chat.relay.keys import authorization, redact
from chat.relay.settings import RelaySettings
from chat.relay.transports.frames import FrameConnection
from chat.relay.transports.http import describe
from chat.relay.transports.tls import tls_context
from chat.relay.worded_failures import says_at_capacity

# After this long without a connection the next address is tried beside it (RFC 8305).
NEXT_ADDRESS_SECONDS = 0.25
MAX_WORDS_BYTES = 4096

_AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]


def websocket_url(settings: RelaySettings) -> str:
    """Return the relay's WebSocket address: as given, else derived from its base address."""
    if settings.ws_url:
        return settings.ws_url
    scheme, separator, rest = settings.base_url.rstrip("/").partition("://")
    return f"{scheme.lower().replace('http', 'ws', 1)}{separator}{rest}/chat/completions"


async def open_websocket(settings: RelaySettings, lookup: Lookup | None = None) -> FrameConnection:
    """Return an open WebSocket; nothing of a request has gone out on it.

    `lookup` finds the addresses of a name where they are judged; None = the system's. Raises
    RelayError with `sent` False. The caller closes the connection.
    """
    try:
        uri = parse_uri(websocket_url(settings))
    except (InvalidURI, ValueError):
        raise RelayProtocol("The relay's WebSocket address is wrong.", sent=False) from None
    headers = {"User-Agent": "tram", **authorization(settings.api_key)}
    try:
        async with asyncio.timeout(settings.handshake_timeout_seconds):
            async with asyncio.timeout(settings.connect_timeout_seconds):
                connection = await _connect(settings, uri, lookup)
            try:
                response = await connection.shake_hands(headers)
            except BaseException:
                connection.close()
                raise
    except TimeoutError:
        raise RelayTimeout("The relay did not open a WebSocket in time.", sent=False) from None
    except InvalidHandshake as error:
        raise _refusal(error, settings.api_key) from None
    except (OSError, UnicodeError) as error:
        raise RelayUnavailable(describe(error, settings.api_key), sent=False) from None
    if response is None:
        connection.close()
        raise RelayUnavailable("The relay closed the connection.", sent=False)
    return connection


async def _connect(
    settings: RelaySettings, uri: WebSocketURI, lookup: Lookup | None
) -> FrameConnection:
    """Make the TCP and TLS connection. Raises OSError, AddressRefused, RelayUnavailable."""
    loop = asyncio.get_running_loop()
    found = await aiohappyeyeballs.start_connection(
        await _addresses(settings, uri, lookup),
        happy_eyeballs_delay=NEXT_ADDRESS_SECONDS,
        interleave=1,
    )
    connection = FrameConnection(
        uri, max_message_bytes=settings.max_line_bytes, max_wire_bytes=settings.max_wire_bytes
    )
    try:
        await loop.create_connection(
            lambda: connection,
            sock=found,
            ssl=tls_context() if uri.secure else None,
            server_hostname=uri.host if uri.secure else None,
        )
    except BaseException:
        # The loop may own the socket already and not know yet that nobody wants it: at its first
        # turn in TLS a cancelled connection would else go on shaking hands by itself.
        connection.close()
        with contextlib.suppress(OSError):
            found.shutdown(socket.SHUT_RDWR)
        raise
    return connection


async def _addresses(
    settings: RelaySettings, uri: WebSocketURI, lookup: Lookup | None
) -> list[_AddressInfo]:
    loop = asyncio.get_running_loop()
    if settings.networks is None:
        found = await loop.getaddrinfo(uri.host, uri.port, type=socket.SOCK_STREAM)
        return [(*each[:4], each[4]) for each in found]
    target = check_url(websocket_url(settings), settings.networks, ("wss", "ws"))
    judged = await resolve(
        target.host, target.port, settings.networks, plain=target.plain, lookup=lookup
    )
    return [_address_info(address, target.port) for address in judged]


def _address_info(address: str, port: int) -> _AddressInfo:
    if ":" in address:
        where = (address, port, 0, 0)
        return (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where)
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))


def _refusal(error: InvalidHandshake, key: str) -> RelayError:
    if isinstance(error, InvalidStatus):
        return _refusal_by_status(error.response, key)
    if isinstance(error, InvalidMessage) and isinstance(error.__cause__, EOFError):
        return RelayUnavailable("The relay closed the connection.", sent=False)
    return RelayProtocol("The relay did not agree to a WebSocket.", sent=False)


def _refusal_by_status(response: Response, key: str) -> RelayError:
    status, body = response.status_code, bytes(response.body)
    words = body[:MAX_WORDS_BYTES].decode("utf-8", "replace")
    if status not in (401, 429) and says_at_capacity(f"{response.reason_phrase} {words}"):
        # "WebSocket rejected: Server is at capacity", whatever status it comes with.
        status = 503
        if not body.lstrip().startswith(b"{"):
            body = json.dumps({"error": {"message": words}}).encode()
    error = error_for_response(
        status,
        {name.lower(): value for name, value in response.headers.raw_items()},
        body,
        now=datetime.now(UTC),
        redact=partial(redact, key=key),
    )
    error.sent = False
    return error
