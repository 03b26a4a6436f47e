"""WebSocket over TLS: the relay's own name is what is checked, and leaving closes at once."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chat.relay.errors import RelayError
from chat.relay.settings import RelaySettings
from chat.relay.transports.websocket import WebSocketTransport
from chat.relay.types import RelayEvent
from tests.relay.conftest import REQUEST, text_of
from tests.relay.frames import DELTA, LAST
from tests.relay.loopback import Act, Loopback, goodbye

NAME = "relay.example"
LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file with key and certificate of a relay that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "relay.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


async def serve(certificate: Path, script: list[Act]) -> tuple[Loopback, asyncio.Server, int]:
    relay = Loopback([script])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0, ssl=context)
    return relay, server, server.sockets[0].getsockname()[1]


def transport_to(port: int, name: str = NAME) -> WebSocketTransport:
    async def lookup(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    settings = RelaySettings(
        name="tls", base_url=f"https://{name}:{port}/v1", networks=("127.0.0.0/8",)
    )
    return WebSocketTransport(settings, lookup)


async def read(transport: WebSocketTransport, into: list[RelayEvent]) -> None:
    async for event in transport.stream(REQUEST):
        into.append(event)


async def ask_and_leave(certificate: Path) -> None:
    relay, server, port = await serve(certificate, ["upgrade", LAST, goodbye(), "close"])
    events: list[RelayEvent] = []
    await read(transport_to(port), events)
    assert text_of(events) == "b"
    assert relay.received[0].headers["host"] == f"{NAME}:{port}"
    with pytest.raises(RelayError) as caught:
        await read(transport_to(port, "other.example"), [])
    assert (caught.value.code, caught.value.sent) == ("relay_unavailable", False)

    await relay.until(lambda: relay.open_connections == 0)
    before = psutil.Process().num_fds()
    relay.scripts, relay.playing = [["upgrade", DELTA, "hang"]], 0
    arrived: list[RelayEvent] = []
    task = asyncio.create_task(read(transport_to(port), arrived))
    await relay.until(lambda: bool(arrived))
    asked_at = asyncio.get_running_loop().time()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await relay.until(lambda: relay.open_connections == 0)
    assert asyncio.get_running_loop().time() - asked_at < 0.3
    await relay.until(lambda: len(asyncio.all_tasks()) == 1)
    await relay.until(lambda: psutil.Process().num_fds() <= before)
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("loop_factory", LOOPS, ids=["asyncio", "uvloop"])
def test_the_name_is_checked_and_leaving_closes_at_once(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(ask_and_leave(certificate))


def test_an_authority_that_nobody_trusts_is_refused(certificate: Path) -> None:
    async def ask() -> None:
        _, server, port = await serve(certificate, ["upgrade", LAST])
        with pytest.raises(RelayError, match="certificate"):
            await read(transport_to(port), [])
        server.close()
        await server.wait_closed()

    asyncio.run(ask())
