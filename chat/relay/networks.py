"""Which IP addresses a relay may have: public ones, and those in networks that are allowed."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from chat.relay.errors import RelayProtocol

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(each) for each in text.split())


_LOOPBACK = _networks("127.0.0.0/8 ::1/128")
# No relay is there, whatever is allowed: the metadata services of clouds, nowhere, everybody.
_NEVER = _networks(
    """
    169.254.169.254/32 169.254.170.2/32 169.254.170.23/32 100.100.100.200/32 168.63.129.16/32
    192.0.0.192/32 fd00:ec2::/32 fd20:ce::254/128
    0.0.0.0/8 255.255.255.255/32 224.0.0.0/4 ::/128 ff00::/8
    """
)
# Not public, though one version of `ipaddress` or another thinks so: shared by a provider's
# customers, for tests, or the way into a tunnel that carries another address.
_NOT_PUBLIC = _networks(
    """
    100.64.0.0/10 192.0.0.0/24 192.88.99.0/24 198.18.0.0/15 240.0.0.0/4
    ::/96 64:ff9b:1::/48 100::/64 2001::/32 2002::/16 3fff::/20 fc00::/7 fe80::/10 fec0::/10
    """
)
_NAT64 = IPv6Network("64:ff9b::/96")


class AddressRefused(RelayProtocol):
    """The relay's address leads to a place that is not allowed."""

    default_sent = False

    def __init__(self, reason: str, **shown: str) -> None:
        """`reason` is one of a few sentences, with places for what is `shown`, so that a door can
        say it in a person's language."""
        super().__init__(reason % shown if shown else reason)
        self.reason = reason
        self.shown = shown


class PrivateRefused(AddressRefused):
    """The relay's address would be allowed if its network were."""


@lru_cache(maxsize=64)
def parse_networks(networks: tuple[str, ...]) -> tuple[Network, ...]:
    """Return networks such as `10.0.0.0/8`; raises ValueError for one that is none."""
    return tuple(ip_network(text) for text in networks)


def literal_in(host: str) -> Address | None:
    """Return the IP address that `host` is, None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def allow_loopback(networks: tuple[str, ...]) -> bool:
    """Say whether any of the networks is on this machine itself."""
    return any(
        mine.version == loopback.version and mine.overlaps(loopback)
        for mine in parse_networks(networks)
        for loopback in _LOOPBACK
    )


def judge(address: Address, networks: tuple[str, ...], *, plain: bool, name: str = "") -> Address:
    """Return the address as it is to be connected to, or refuse it."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    shown = f"{name} ({address})" if name else str(address)
    if _inside(address, _NEVER) or _inside(_carried(address), _NEVER):
        raise AddressRefused("%(place)s is never a relay's address.", place=shown)
    if _inside(address, parse_networks(networks)):
        return address
    if not (_is_public(address) and _is_public(_carried(address))):
        raise PrivateRefused("%(place)s is in a private network that is not allowed.", place=shown)
    if plain:
        raise AddressRefused("%(place)s is public: the key goes there only encrypted.", place=shown)
    return address


def _carried(address: Address) -> Address:
    """The IPv4 address that a translator (NAT64) makes of this one, else the same."""
    if isinstance(address, IPv6Address) and address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address in _NAT64:
        return True  # judged by the address that it carries
    odd = address.is_multicast or address.is_reserved or address.is_unspecified
    local = address.is_private or address.is_loopback or address.is_link_local
    return address.is_global and not odd and not local and not _inside(address, _NOT_PUBLIC)


def _inside(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address.version == each.version and address in each for each in networks)
