"""`manage.py checkrelay` against demo relays, without a server."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command

from billing.prices import NewPrice, set_price
from chat.models import Relay, RelayKey
from chat.services.relay_keys import seal
from tests.processes import Child, free_port, wait_for_port
from tests.servers import server_environment

pytestmark = pytest.mark.django_db


def start(port: int, folder: Path, *options: str) -> Child:
    relay = Child(
        *("-m", "chat.relay.demo", "--port", str(port), "--first-token-seconds", "0", *options),
        env=server_environment(folder),
        log=folder / f"relay-{port}.log",
    )
    relay.start()
    wait_for_port(relay, port)
    return relay


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """A relay that is well, and one that opens no WebSocket; both know hs_demo."""
    folder = tmp_path_factory.mktemp("relays")
    well, plain = free_port(), free_port()
    relays = [start(well, folder, "--faults"), start(plain, folder, "--websocket=forbidden")]
    yield well, plain
    for relay in relays:
        relay.kill()


@pytest.fixture
def installed(ports: tuple[int, int], settings: Any) -> Any:
    set_price("gpt-4.1", NewPrice(8, 8))
    set_price("deepseek-v3.2", NewPrice(1, 1))
    use(settings, well=ports[0], plain=ports[1])
    return settings


def use(settings: Any, key: str = "hs_demo", **relays: int) -> None:
    embedded = tuple(f"{name}=http://127.0.0.1:{port}/v1" for name, port in relays.items())
    settings.RELAY = replace(django_settings.RELAY, api_key="", embedded=embedded, embedded_key=key)


def check(*arguments: str) -> tuple[int, str]:
    """The exit status, and what was printed."""
    printed = io.StringIO()
    try:
        call_command("checkrelay", *arguments, stdout=printed)
    except SystemExit as end:
        return int(str(end.code)), printed.getvalue()
    return 0, printed.getvalue()


def as_json(*arguments: str) -> list[dict[str, Any]]:
    _, printed = check("--json", *arguments)
    found: list[dict[str, Any]] = json.loads(printed)
    return found


def test_relays_that_are_well_are_a_table_and_status_0(installed: Any) -> None:
    status, printed = check()
    assert status == 0, printed
    heading, well, plain, *_ = printed.splitlines()
    for word in ("reachable", "key", "models", "SSE", "WebSocket", "first token", "usage"):
        assert word in heading
    assert well.split()[:3] == ["well", "ok", "ok"]
    assert well.split()[4:6] == ["ok", "ok"]
    assert plain.split()[:6] == ["plain", "ok", "ok", "15", "ok", "warning"]
    assert "plain: websocket: No WebSocket here: answers come by SSE." in printed
    assert " ms" in well
    assert "of 10,000,000" in well
    assert "deepseek-v3.2 answers" in printed, "it is the cheapest"


def test_a_relay_that_is_gone_is_status_1_and_the_others_are_checked(
    installed: Any, ports: tuple[int, int]
) -> None:
    use(installed, gone=free_port(), well=ports[0])
    status, printed = check("--no-answers")
    assert status == 1
    assert "gone: reachable: The relay cannot be reached." in printed
    assert printed.splitlines()[2].startswith("well")


def test_a_refused_key_says_what_to_do_and_is_nowhere(
    installed: Any, ports: tuple[int, int]
) -> None:
    use(installed, key="hs_canary0123456789SECRET", well=ports[0])
    status, printed = check()
    assert status == 1
    assert "The relay refuses the key. Copy it anew from the relay's site." in printed
    assert "canary" not in printed + check("--json")[1]


def test_relays_can_be_named(installed: Any) -> None:
    (relay,) = as_json("plain", "--no-answers")
    assert (relay["relay"], relay["usable"]) == ("plain", True)
    with pytest.raises(CommandError, match=r"No relay is called nobody\. There are: well, plain\."):
        check("nobody")


def test_where_no_relay_is_the_command_says_what_to_do(installed: Any) -> None:
    use(installed)
    for names in ((), ("nobody",)):
        with pytest.raises(CommandError, match=r"No relay is in use: set HOLYSHEEP_API_KEY") as end:
            check(*names)
        assert "`make up`" in str(end.value)


def test_nothing_is_generated_without_answers(installed: Any) -> None:
    (relay,) = as_json("well", "--no-answers")
    told = {step["name"]: step["code"] for step in relay["steps"]}
    assert (told["sse"], told["websocket"]) == ("skipped_answers", "websocket_opens")


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        ("none", "answer_ok"),
        ("unauthorized", "relay_auth"),
        ("busy", "relay_rate_limited"),
        ("error-500", "relay_unavailable"),
        ("html", "relay_protocol"),
        ("truncated", "relay_truncated"),
    ],
)
def test_every_mood_of_a_relay_has_its_name(installed: Any, mode: str, code: str) -> None:
    status, printed = check("--json", "well", "--model", f"fault-{mode}")
    (relay,) = json.loads(printed)
    (sse,) = (step for step in relay["steps"] if step["name"] == "sse")
    assert sse["code"] == code
    assert status == int(code != "answer_ok") == int(not relay["usable"])


def stored(name: str, port: int, *, key: str = "hs_demo", enabled: bool = True) -> RelayKey:
    relay = Relay.objects.create(
        name=name, base_url=f"http://127.0.0.1:{port}/v1", enabled=enabled, transport="sse"
    )
    row = RelayKey(relay=relay, label="main")
    seal(row, key)
    row.save()
    return row


def test_relays_of_the_database_are_checked_with_their_keys(
    installed: Any, ports: tuple[int, int]
) -> None:
    installed.RELAY_KEY_SECRETS = ("a-secret-for-tests-" + "z" * 30,)
    installed.RELAY_PRIVATE_NETWORKS = ("127.0.0.0/8",)
    use(installed)
    stored("kept", ports[0])
    stored("new", ports[0], key="hs_canary0123456789SECRET", enabled=False)
    Relay.objects.create(name="bare", base_url="https://relay.example/v1")
    (kept,) = as_json()
    assert (kept["relay"], kept["key_label"], kept["usable"]) == ("kept", "main", True)
    status, printed = check("new")
    assert status == 1, "one that is not in use yet is checked when it is named"
    assert "new (main): key: The relay refuses the key." in printed
    assert "canary" not in printed
    assert "bare: key: This relay has no key yet. Add one." in check("bare")[1]
    installed.RELAY_KEY_SECRETS = ("another-secret-" + "z" * 30,)
    status, printed = check()
    assert status == 1
    assert "kept (main): key: The key does not open" in printed


def test_a_stored_relay_in_a_network_that_is_not_allowed_is_not_asked(
    installed: Any, ports: tuple[int, int]
) -> None:
    installed.RELAY_KEY_SECRETS = ("a-secret-for-tests-" + "z" * 30,)
    installed.RELAY_PRIVATE_NETWORKS = ()
    stored("inside", ports[0])
    status, printed = check("inside")
    assert status == 1
    assert "inside (main): address: The address leads to a network that is not allowed." in printed


def test_without_a_relay_it_says_which_setting_is_missing(settings: Any) -> None:
    use(settings)
    with pytest.raises(CommandError, match="set HOLYSHEEP_API_KEY"):
        check()
