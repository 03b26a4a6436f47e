"""Where a relay's address may lead: to the public internet, and to networks that are allowed.

Whoever may enter an address could else make the server talk to machines that only it can reach:
itself, its neighbours, the metadata service of its cloud. A name is therefore resolved here, every
address that it has is judged, and the connection goes to exactly those: a name that turns private
between check and connection finds nothing to turn. Redirects are not followed by any transport.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

import msgspec

from chat.relay.errors import RelayUnavailable
from chat.relay.networks import (
    Address,
    AddressRefused,
    PrivateRefused,
    allow_loopback,
    judge,
    literal_in,
)

__all__ = [
    "AddressRefused",
    "Lookup",
    "PrivateRefused",
    "Target",
    "check_url",
    "resolve",
    "system_lookup",
]

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Finds the addresses of a name: (host, port) -> addresses as text; raises OSError."""

DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
PLAIN_SCHEMES = ("http", "ws")

_HOST = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_-]{1,63}")
_PATH = re.compile(r"[A-Za-z0-9/._~:+,=%-]*")
# What the system's resolver takes for an IPv4 address: 127.1, 0x7f.1, 017700000001, 2130706433.
_NUMERIC = re.compile(r"(?:.*\.)?(?:0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)
_LOCALHOST = re.compile(r"(?:.*\.)?(?:localhost|localhost\.localdomain|ip6-(?:localhost|loopback))")


class Target(msgspec.Struct, frozen=True):
    """Where an address leads: `host` without brackets, and whether the way is encrypted."""

    scheme: str
    host: str
    port: int

    @property
    def plain(self) -> bool:
        """Whether anybody on the way could read the key."""
        return self.scheme in PLAIN_SCHEMES


def check_url(url: str, networks: tuple[str, ...], schemes: tuple[str, ...]) -> Target:
    """Judge an address by what it says, without asking for a name's addresses.

    `networks` are the private networks that are allowed, `schemes` what it may begin with, such as
    `("https", "http")`; those without encryption only ever lead into `networks`. Raises
    AddressRefused.
    """
    target = _parts(url, schemes)
    if target.plain and not networks:
        raise PrivateRefused(
            "%(scheme)s:// would send the key in the clear: use %(scheme)ss://, "
            "or allow the private network that the relay is in.",
            scheme=target.scheme,
        )
    literal = literal_in(target.host)
    if literal is not None:
        judge(literal, networks, plain=target.plain)
    elif _LOCALHOST.fullmatch(target.host) and not allow_loopback(networks):
        raise PrivateRefused(
            "%(place)s is in a private network that is not allowed.", place=target.host
        )
    return target


async def resolve(
    host: str,
    port: int,
    networks: tuple[str, ...],
    *,
    plain: bool = False,
    lookup: Lookup | None = None,
) -> list[str]:
    """Return the addresses of `host` (a name, or an address without brackets) to connect to.

    One that is not allowed refuses them all. With `plain`, for http and ws, all must lie in
    `networks`. Connect to these and no others, under the host's own name. Raises AddressRefused,
    or RelayUnavailable when the name is not found.
    """
    literal = literal_in(host)
    if literal is not None:
        return [str(judge(literal, networks, plain=plain))]
    try:
        found = await (lookup or system_lookup)(host, port)
    except (OSError, UnicodeError):
        raise RelayUnavailable(f"The relay's name {host} is not found.", sent=False) from None
    judged = [judge(_parsed(text), networks, plain=plain, name=host) for text in found]
    if not judged:
        raise RelayUnavailable(f"The relay's name {host} has no address.", sent=False)
    return list(dict.fromkeys(map(str, judged)))


async def system_lookup(host: str, port: int) -> list[str]:
    """Ask the system's resolver; raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


def _parts(url: str, schemes: tuple[str, ...]) -> Target:
    said = ", ".join(f"{scheme}://" for scheme in schemes)
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise AddressRefused(
            "The relay's address holds a character that no address has; "
            "a name in another script is written in its xn-- form."
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise AddressRefused("The relay's address is none.") from None
    if parts.scheme not in schemes:
        raise AddressRefused("The relay's address must begin with %(schemes)s.", schemes=said)
    if "@" in parts.netloc:
        raise AddressRefused("The relay's address may not hold a name or password.")
    if "?" in url or "#" in url:
        raise AddressRefused("The relay's address ends before any ? or #.")
    if not _PATH.fullmatch(parts.path) or "//" in parts.path or _climbs(parts.path):
        raise AddressRefused("The path of the relay's address is not plain.")
    if port == 0 or parts.netloc.endswith(":"):
        raise AddressRefused("The port of the relay's address is wrong.")
    _require_host(host, bracketed="[" in parts.netloc)
    return Target(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme])


def _require_host(host: str, *, bracketed: bool) -> None:
    """Refuse what two readers of an address could understand in two ways."""
    if bracketed:
        if "%" in host or literal_in(host) is None:
            raise AddressRefused("The relay's IPv6 address is none.")
    elif not _HOST.fullmatch(host):
        raise AddressRefused("The relay's address has no usable host.")
    elif _NUMERIC.fullmatch(host) and literal_in(host) is None:
        raise AddressRefused("Write the relay's IPv4 address as four decimal numbers.")


def _climbs(path: str) -> bool:
    return "%" in path or any(part in (".", "..") for part in path.split("/"))


def _parsed(text: str) -> Address:
    address = literal_in(text.partition("%")[0])
    if address is None:
        raise AddressRefused("The relay's name leads to something that is no address.")
    return address
