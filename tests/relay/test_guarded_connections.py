"""Where the HTTP transport connects to, whatever name, literal address or redirect leads there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chat.relay.address_guard import AddressRefused
from chat.relay.errors import RelayProtocol
from chat.relay.settings import RelaySettings
from chat.relay.transports.http import RelayHTTP
from chat.relay.watch import Watch
from tests.relay.addresses import LOOPBACK, knows
from tests.relay.loopback import Loopback, respond


async def test_a_name_that_turns_private_is_refused_when_it_is_connected_to(
    loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    """The name leads to an allowed network, then to the machine's metadata, then back."""
    loopback.scripts = [respond(200, {"data": []}, Connection="close")] * 2
    port = settings_for().base_url.rsplit(":", 1)[1].removesuffix("/v1")
    lookup = knows(["127.0.0.1"], ["127.0.0.1", "169.254.169.254"], ["127.0.0.1"])
    settings = settings_for(base_url=f"http://relay.test:{port}/v1", networks=LOOPBACK)
    http = RelayHTTP(settings, lookup)
    assert await http.get_document("models") == {"data": []}
    with pytest.raises(AddressRefused):
        await http.get_document("models")
    assert await http.get_document("models") == {"data": []}
    await http.aclose()
    assert [each.headers["host"] for each in loopback.received] == [f"relay.test:{port}"] * 2


async def test_a_name_that_turns_public_gets_no_key_in_the_clear(
    loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    """However the scheme is written. The private network is allowed, and was meant."""
    loopback.scripts = [respond(200, {"data": []}, Connection="close")]
    port = settings_for().base_url.rsplit(":", 1)[1].removesuffix("/v1")
    lookup = knows(["127.0.0.1"], ["8.8.8.8"])
    settings = settings_for(base_url=f"HTTP://relay.test:{port}/v1", networks=LOOPBACK)
    http = RelayHTTP(settings, lookup)
    assert await http.get_document("models") == {"data": []}
    with pytest.raises(AddressRefused, match="only encrypted"):
        await http.get_document("models")
    await http.aclose()


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
