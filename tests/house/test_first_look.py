"""What the operator is told of the relays once the site has started."""

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.processes import wait_for_line
from tests.servers import TramServer

ODD_KEY = "odd-canary-0123456789"


@pytest.fixture
def silent_address() -> Iterator[str]:
    """A relay that takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def told(server: TramServer, relay: str) -> str:
    """What the site says of the relay, once it does."""
    return wait_for_line(server._child, re.compile(rf"^({relay}: ?.*)$", re.MULTILINE))


def test_a_refused_key_is_told_with_what_to_do_and_once_to_the_administrators(
    tmp_path: Path, server_template: Path
) -> None:
    env = {"EMBEDDED_RELAY_KEY": "hs_canary0123456789"}
    with TramServer(tmp_path / "site", server_template, env) as server:
        said = told(server, "demo")
        assert said == "demo: The relay refuses the key. Copy it anew from the relay's site."
        wait_for_line(server._child, re.compile('"(relay_alert)"'))
        assert server.rows("SELECT kind, relay FROM chat_relayalert") == [("key_refused", "demo")]
        assert httpx.get(server.url + "/ready").status_code == 200
    assert "canary" not in server.log


def test_a_key_of_an_unknown_kind_is_a_warning(tmp_path: Path, server_template: Path) -> None:
    options = ("--key", ODD_KEY)
    with TramServer(tmp_path / "site", server_template, relay_options=options) as server:
        server.kill()
        server.env |= {"HOLYSHEEP_API_KEY": ODD_KEY, "HOLYSHEEP_REST_URL": server.relay_url}
        server._child.env = server.env
        server.start()
        said = told(server, "relay")
    assert "ready" in said
    assert "begins with none of hs_, sk-hs-, hsa-" in said
    assert ODD_KEY not in server.log


@pytest.mark.parametrize(
    ("handshakes", "start"),
    [
        ("on", "demo: ready. Models: 15, such as gpt-4.1"),
        ("off", "demo: No WebSocket here, and this relay is set to use nothing else."),
    ],
)
def test_where_only_websocket_may_be_used_it_is_tried(
    tmp_path: Path, server_template: Path, handshakes: str, start: str
) -> None:
    env, options = {"RELAY_TRANSPORT": "websocket"}, ("--websocket", handshakes)
    with TramServer(tmp_path / "site", server_template, env, relay_options=options) as server:
        assert told(server, "demo").startswith(start)


def test_a_relay_that_hangs_holds_up_neither_start_nor_end(
    tmp_path: Path, server_template: Path, silent_address: str
) -> None:
    env = {"EMBEDDED_RELAYS": f"silent={silent_address}"}
    with TramServer(tmp_path / "site", server_template, env, relay=False) as server:
        assert httpx.get(server.url + "/ready").status_code == 200
        began = time.monotonic()
        assert server.terminate() == 0
        assert time.monotonic() - began < 10
    assert "Traceback" not in server.log


def test_a_site_without_a_relay_says_what_is_missing(tmp_path: Path, server_template: Path) -> None:
    with TramServer(tmp_path / "site", server_template, relay=False) as server:
        assert "set HOLYSHEEP_API_KEY" in told(server, "No relay is configured")
