"""Addresses of relays: which are refused however they are written, and what is connected to."""

from __future__ import annotations

import re

import pytest

from chat.relay.address_guard import AddressRefused, check_url, resolve
from chat.relay.errors import RelayProtocol, RelayUnavailable
from tests.relay.addresses import ALLOWED, LOOPBACK, REFUSED, knows

REST = ("https", "http")
SOCKET = ("wss", "ws")


def test_the_table_is_as_long_as_promised() -> None:
    assert len(set(REFUSED)) >= 60


@pytest.mark.parametrize("url", [*REFUSED, "", "https://api.example.com/\nv1", "https://a\tb/v1"])
def test_an_address_that_is_odd_or_private_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        check_url(url, (), ("https", "http"))
    error = refused.value
    assert isinstance(error, RelayProtocol)
    assert (error.code, error.sent, error.retryable) == ("relay_protocol", False, False)
    assert re.fullmatch(r".*[.]", error.message)


@pytest.mark.parametrize("url", ALLOWED)
def test_a_public_address_passes(url: str) -> None:
    assert check_url(url, (), REST).scheme == "https"


@pytest.mark.parametrize(
    ("url", "networks", "schemes"),
    [
        ("http://127.0.0.1:8000/v1", LOOPBACK, REST),
        ("ws://127.0.0.1:8000/v1/chat/completions", LOOPBACK, SOCKET),
        ("http://localhost:8000/v1", LOOPBACK, REST),
        ("http://[::1]:8000/v1", LOOPBACK, REST),
        ("http://[::ffff:127.0.0.1]:8000/v1", LOOPBACK, REST),
        ("https://10.1.2.3/v1", ("10.0.0.0/8",), REST),
        ("http://relay.internal/v1", ("10.0.0.0/8",), REST),
        ("https://[fd12:3456::1]/v1", ("fd12:3456::/32",), REST),
        ("wss://stream.holysheep.ai/v1/chat/completions", (), SOCKET),
    ],
)
def test_a_network_that_is_allowed_may_hold_a_relay(
    url: str, networks: tuple[str, ...], schemes: tuple[str, ...]
) -> None:
    check_url(url, networks, schemes)


@pytest.mark.parametrize(
    ("url", "networks", "schemes"),
    [
        ("http://127.0.0.1:8000/v1", ("10.0.0.0/8",), REST),
        ("http://localhost:8000/v1", ("10.0.0.0/8",), REST),
        ("https://11.0.0.1.evil@10.0.0.1/v1", ("10.0.0.0/8",), REST),
        ("http://1.1.1.1/v1", ("10.0.0.0/8",), REST),
        ("ws://1.1.1.1/v1", ("10.0.0.0/8",), SOCKET),
        ("https://api.example.com/v1", (), SOCKET),
        ("wss://api.example.com/v1", (), REST),
        # Metadata is not to be had, however much is allowed.
        ("http://169.254.169.254/v1", ("0.0.0.0/0",), REST),
        ("http://[fd00:ec2::254]/v1", ("::/0",), REST),
        ("http://[64:ff9b::a9fe:a9fe]/v1", ("::/0",), REST),
        ("http://0.0.0.0/v1", ("0.0.0.0/0",), REST),
    ],
)
def test_what_is_allowed_reaches_no_further(
    url: str, networks: tuple[str, ...], schemes: tuple[str, ...]
) -> None:
    with pytest.raises(AddressRefused):
        check_url(url, networks, schemes)


async def test_a_name_gives_its_addresses_each_once() -> None:
    lookup = knows(["1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
    found = await resolve("api.example.com", 443, (), lookup=lookup)
    assert found == ["1.1.1.1", "2606:4700:4700::1111"]


@pytest.mark.parametrize(
    "private",
    [
        "127.0.0.1",
        "10.0.0.5",
        "169.254.169.254",
        "::1",
        "::ffff:10.0.0.5",
        "fe80::1%eth0",
        "nonsense",
    ],
)
async def test_one_private_address_refuses_the_whole_name(private: str) -> None:
    lookup = knows(["1.1.1.1", private])
    with pytest.raises(AddressRefused):
        await resolve("api.example.com", 443, (), lookup=lookup)


async def test_without_encryption_every_address_must_be_in_an_allowed_network() -> None:
    networks = ("10.0.0.0/8",)
    inside, mixed = knows(["10.0.0.5"]), knows(["10.0.0.5", "1.1.1.1"])
    found = await resolve("relay", 80, networks, plain=True, lookup=inside)
    assert found == ["10.0.0.5"]
    with pytest.raises(AddressRefused):
        await resolve("relay", 80, networks, plain=True, lookup=mixed)
    assert len(await resolve("relay", 443, networks, lookup=mixed)) == 2


async def test_an_address_is_judged_without_a_resolver() -> None:
    assert await resolve("1.1.1.1", 443, ()) == ["1.1.1.1"]
    assert await resolve("::ffff:1.1.1.1", 443, ()) == ["1.1.1.1"]
    with pytest.raises(AddressRefused):
        await resolve("127.0.0.1", 443, ())


@pytest.mark.parametrize("short", ["127.1", "2130706433", "0x7f.1", "localhost"])
async def test_what_the_system_understands_is_judged_by_what_it_resolves_to(short: str) -> None:
    with pytest.raises(AddressRefused):
        await resolve(short, 443, ())
    assert "127.0.0.1" in await resolve(short, 443, LOOPBACK)


@pytest.mark.parametrize("answer", [[], OSError("no such name")])
async def test_a_name_that_is_not_found_is_no_refusal(answer: list[str] | OSError) -> None:
    with pytest.raises(RelayUnavailable) as failure:
        await resolve("relay.invalid", 443, (), lookup=knows(answer))
    assert failure.value.sent is False
