"""Addresses of relays: which are refused however they are written, and what is connected to."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from chat.relay.address_guard import AddressRefused, check_url, resolve
from chat.relay.errors import RelayProtocol, RelayUnavailable
from chat.relay.settings import RelaySettings
from chat.relay.transports.http import RelayHTTP
from chat.relay.watch import Watch
from tests.relay.loopback import Loopback, respond

REST = ("https", "http")
SOCKET = ("wss", "ws")
LOOPBACK = ("127.0.0.0/8", "::1/128")

REFUSED = """
http://api.example.com/v1
ftp://api.example.com/v1
file:///etc/passwd
javascript:alert(1)
//api.example.com/v1
api.example.com/v1
https:/v1
https://
https://:8443/v1
https://user@api.example.com/v1
https://user:word@api.example.com/v1
https://api.example.com@127.0.0.1/v1
https://@api.example.com/v1
https://127.0.0.1\\@api.example.com/v1
https://api.example.com/v1?key=1
https://api.example.com/v1?
https://api.example.com/v1#part
https://api.example.com/v1#
https://api.example.com:0/v1
https://api.example.com:65536/v1
https://api.example.com:-1/v1
https://api.example.com:port/v1
https://api.example.com:/v1
https://api.example.com./v1
https://api..example.com/v1
https://api%2eexample.com/v1
https://api.example.com/v1/../admin
https://api.example.com/%2e%2e/admin
https://api.example.com//evil.example/v1
https://api.example.com/v1 /x
https://127.0.0.1/v1
https://127.0.0.1:8443/v1
https://127.0.0.2/v1
https://127.255.255.254/v1
https://127.1/v1
https://127.0.1/v1
https://2130706433/v1
https://0x7f.1/v1
https://0X7F000001/v1
https://0x7f.0x0.0x0.0x1/v1
https://0177.0.0.1/v1
https://017700000001/v1
https://0127.0.0.1/v1
https://1.2.3.4.5/v1
https://api.example.127/v1
https://127.0.0.1./v1
https://0/v1
https://0.0.0.0/v1
https://localhost/v1
https://LOCALHOST/v1
https://localhost./v1
https://api.localhost/v1
https://localhost.localdomain/v1
https://ip6-localhost/v1
https://10.0.0.1/v1
https://172.16.0.1/v1
https://172.31.255.255/v1
https://192.168.1.1/v1
https://100.64.0.1/v1
https://100.127.255.255/v1
https://169.254.0.1/v1
https://169.254.169.254/latest/meta-data
https://169.254.170.2/v1
https://100.100.100.200/v1
https://168.63.129.16/v1
https://192.0.0.192/v1
https://192.0.2.1/v1
https://198.18.0.1/v1
https://198.51.100.7/v1
https://203.0.113.9/v1
https://224.0.0.1/v1
https://239.255.255.250/v1
https://240.0.0.1/v1
https://255.255.255.255/v1
https://2852039166/latest
https://0xa9fea9fe/latest
https://[::1]/v1
https://[::]/v1
https://[0:0:0:0:0:0:0:1]/v1
https://[::ffff:127.0.0.1]/v1
https://[::ffff:7f00:1]/v1
https://[::ffff:10.0.0.1]/v1
https://[::ffff:169.254.169.254]/v1
https://[::127.0.0.1]/v1
https://[fe80::1]/v1
https://[fe80::1%25eth0]/v1
https://[fe80::1%eth0]/v1
https://[fec0::1]/v1
https://[fc00::1]/v1
https://[fd12:3456::1]/v1
https://[fd00:ec2::254]/v1
https://[ff02::1]/v1
https://[2001:db8::1]/v1
https://[2001:0:7f00:1::1]/v1
https://[2002:7f00:1::1]/v1
https://[2002:a9fe:a9fe::1]/v1
https://[64:ff9b::127.0.0.1]/v1
https://[64:ff9b::a9fe:a9fe]/v1
https://[64:ff9b:1::a00:1]/v1
https://[100::1]/v1
https://[v1.abc]/v1
https://[127.0.0.1]/v1
https://[::1/v1
https://１２７.0.0.1/v1
https://127。0。0。1/v1
https://①②⑦.0.0.1/v1
https://api．example．com/v1
https://ｌｏｃａｌｈｏｓｔ/v1
https://münchen.example/v1
""".strip().splitlines()

ALLOWED = """
https://api.holysheep.ai/v1
https://api.holysheep.ai/v1/
https://API.Example.COM/v1
https://api.example.com
https://api.example.com:8443/openai/v1
https://xn--mnchen-3ya.example/v1
https://relay/v1
https://relay_one.internal/v1
https://1.1.1.1/v1
https://8.8.8.8:443/v1
https://172.32.0.1/v1
https://100.128.0.1/v1
https://[2606:4700:4700::1111]/v1
https://[64:ff9b::1.1.1.1]/v1
https://[::ffff:1.1.1.1]/v1
""".strip().splitlines()


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


def knows(*answers: list[str] | OSError) -> Callable[[str, int], object]:
    """A resolver that gives these answers in turn, the last one for ever."""
    left = list(answers)

    async def lookup(host: str, port: int) -> list[str]:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, OSError):
            raise answer
        return answer

    return lookup


async def test_a_name_gives_its_addresses_each_once() -> None:
    lookup = knows(["1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
    found = await resolve("api.example.com", 443, (), lookup=lookup)  # type: ignore[arg-type]
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
        await resolve("api.example.com", 443, (), lookup=lookup)  # type: ignore[arg-type]


async def test_without_encryption_every_address_must_be_in_an_allowed_network() -> None:
    networks = ("10.0.0.0/8",)
    inside, mixed = knows(["10.0.0.5"]), knows(["10.0.0.5", "1.1.1.1"])
    found = await resolve("relay", 80, networks, plain=True, lookup=inside)  # type: ignore[arg-type]
    assert found == ["10.0.0.5"]
    with pytest.raises(AddressRefused):
        await resolve("relay", 80, networks, plain=True, lookup=mixed)  # type: ignore[arg-type]
    assert len(await resolve("relay", 443, networks, lookup=mixed)) == 2  # type: ignore[arg-type]


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
        await resolve("relay.invalid", 443, (), lookup=knows(answer))  # type: ignore[arg-type]
    assert failure.value.sent is False


async def test_a_name_that_turns_private_is_refused_when_it_is_connected_to(
    loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    """The name leads to an allowed network, then to the machine's metadata, then back."""
    loopback.scripts = [respond(200, {"data": []}, Connection="close")] * 2
    port = settings_for().base_url.rsplit(":", 1)[1].removesuffix("/v1")
    lookup = knows(["127.0.0.1"], ["127.0.0.1", "169.254.169.254"], ["127.0.0.1"])
    settings = settings_for(base_url=f"http://relay.test:{port}/v1", networks=LOOPBACK)
    http = RelayHTTP(settings, lookup)  # type: ignore[arg-type]
    assert await http.get_document("models") == {"data": []}
    with pytest.raises(AddressRefused):
        await http.get_document("models")
    assert await http.get_document("models") == {"data": []}
    await http.aclose()
    assert [each.headers["host"] for each in loopback.received] == [f"relay.test:{port}"] * 2


async def test_a_relay_on_a_literal_address_is_judged_too(
    loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    loopback.scripts = [respond(200, {"data": []})]
    closed = RelayHTTP(settings_for(networks=()))
    with pytest.raises(AddressRefused):
        await closed.get_document("models")
    assert loopback.connections == 0
    opened = RelayHTTP(settings_for(networks=LOOPBACK))
    await opened.get_document("models")
    await opened.aclose()
    assert loopback.connections == 1


async def test_a_redirect_to_metadata_is_not_followed(
    loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    elsewhere = "http://169.254.169.254/latest/meta-data"
    loopback.scripts = [respond(302, "", Location=elsewhere)] * 2
    http = RelayHTTP(settings_for(networks=LOOPBACK))
    with pytest.raises(RelayProtocol):
        await http.get_document("models")
    watch = Watch(5)
    response = await http.open("POST", "chat/completions", content=b"{}", accept="x", watch=watch)
    watch.close()
    assert response.status_code == 302
    await response.aclose()
    await http.aclose()
    assert len(loopback.received) == 2
