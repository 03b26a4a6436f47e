"""From which address a client comes, as far as numbers per address go."""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from django.conf import settings

SITE_OF_IPV6 = 64
"""Whoever has one IPv6 address has all that begin with the same 64 bits."""


def client_address(scope: Mapping[str, Any]) -> str:
    """The client's address, in the form in which it is counted. Behind a proxy it is the last one
    of X-Forwarded-For: those before it are what the client itself claims."""
    forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    if settings.SITE.behind_proxy and forwarded:
        return counted_as(forwarded[-1].decode("latin-1").rsplit(",", 1)[-1].strip())
    return counted_as((scope.get("client") or ("", 0))[0])


def counted_as(address: str) -> str:
    """The address as one to be counted: an IPv6 one stands for its network."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed.packed, SITE_OF_IPV6), strict=False))
