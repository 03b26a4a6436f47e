"""From which address a client counts as coming."""

from dataclasses import replace
from typing import Any

import pytest

from chat.consumers.handshake import TOO_MANY, Closed, SocketCount
from chat.serving.addresses import client_address, counted_as


def scope(*forwarded: bytes) -> dict[str, Any]:
    return {
        "client": ["192.0.2.1", 1234],
        "headers": [(b"host", b"x"), *((b"x-forwarded-for", value) for value in forwarded)],
    }


def test_without_a_proxy_nobody_can_claim_an_address(settings: Any) -> None:
    settings.SITE = replace(settings.SITE, behind_proxy=False)
    assert client_address(scope(b"203.0.113.9")) == "192.0.2.1"


@pytest.mark.parametrize(
    "forwarded",
    [
        (b"203.0.113.9",),
        (b"198.51.100.1, 203.0.113.9",),
        (b"198.51.100.1", b"198.51.100.2,203.0.113.9 "),
    ],
)
def test_behind_a_proxy_the_address_is_the_one_the_proxy_saw(
    settings: Any, forwarded: tuple[bytes, ...]
) -> None:
    settings.SITE = replace(settings.SITE, behind_proxy=True)
    assert client_address(scope(*forwarded)) == "203.0.113.9"
    # A probe that comes past the proxy.
    assert client_address(scope()) == "192.0.2.1"


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("unix", "unix"),
        ("", ""),
    ],
)
def test_an_ipv6_address_counts_as_its_network(address: str, counted: str) -> None:
    assert counted_as(address) == counted


def test_sockets_of_one_address_are_counted_whoever_opens_them(settings: Any) -> None:
    settings.SOCKETS = replace(settings.SOCKETS, max_sockets_per_address=2)
    count = SocketCount()
    count.enter(1, "192.0.2.1")
    count.enter(2, "192.0.2.1")
    with pytest.raises(Closed) as refused:
        count.enter(3, "192.0.2.1")
    assert refused.value.code == TOO_MANY
    count.enter(3, "192.0.2.2")
    count.leave(1, "192.0.2.1")
    count.enter(3, "192.0.2.1")
