"""Settings from the environment: typed, bounded, and refused by name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.backends import cache, mail
from config.database import database
from config.environment import SettingInvalid, read
from config.options import GROUPS, Nodes, Relay, Site, Sockets, Turns
from tests.processes import ROOT
from tests.servers import server_environment


def test_an_empty_environment_gives_the_defaults() -> None:
    for group in GROUPS:
        assert read(group, {}) == group()


def test_values_are_read_with_their_types() -> None:
    site = read(Site, {"PORT": "9000", "DEBUG": "yes", "ALLOWED_HOSTS": "a.example, b.example"})
    assert (site.port, site.debug, site.allowed_hosts) == (9000, True, ("a.example", "b.example"))
    assert read(Turns, {"DRAIN_SECONDS": "1.5"}).drain_seconds == 1.5


def test_an_empty_variable_counts_as_absent() -> None:
    assert read(Site, {"PORT": " "}).port == 8000


@pytest.mark.parametrize(
    ("group", "name", "value", "message"),
    [
        (Site, "PORT", "http", "PORT must be a whole number, 1 to 65535"),
        (Site, "PORT", "0", "PORT must be a whole number, 1 to 65535"),
        (Site, "DEBUG", "maybe", "DEBUG must be true or false"),
        (Site, "LOG_LEVEL", "LOUD", "LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR"),
        (Turns, "DRAIN_SECONDS", "nan", "DRAIN_SECONDS must be a number of seconds, 0 at least"),
        (Turns, "DRAIN_SECONDS", "-1", "DRAIN_SECONDS must be a number of seconds, 0 at least"),
        (
            Sockets,
            "FRAMES_BURST",
            "1.5",
            "FRAMES_BURST must be a whole number of frames, 1 at least",
        ),
        (Relay, "RELAY_TRANSPORT", "pigeon", "RELAY_TRANSPORT must be one of auto, websocket, sse"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name(
    group: type, name: str, value: str, message: str
) -> None:
    with pytest.raises(SettingInvalid) as refused:
        read(group, {name: value})
    assert str(refused.value) == message


@pytest.mark.parametrize(
    "hosts",
    ["https://chat.example", "chat.example:443", "chat.example/", "a b", "[::1", "*.example"],
)
def test_a_host_that_could_never_match_is_refused(hosts: str) -> None:
    with pytest.raises(SettingInvalid, match="ALLOWED_HOSTS must be a list of host names"):
        read(Site, {"ALLOWED_HOSTS": hosts}).hosts()


def test_host_names_wildcards_and_addresses_are_hosts() -> None:
    hosts = ("chat.example", ".example", "*", "127.0.0.1", "[::1]", "my_host")
    assert read(Site, {"ALLOWED_HOSTS": ",".join(hosts)}).hosts() == hosts


@pytest.mark.parametrize(
    "origin",
    [
        "https://chat.example/",
        "https://chat.example:abc",
        "https://Chat.example",
        "https://ann@chat.example",
        "https://*.example",
        "https://",
        "http://[::1",
        "null",
    ],
)
def test_an_origin_that_no_browser_sends_is_refused(origin: str) -> None:
    with pytest.raises(SettingInvalid, match="ORIGINS must be"):
        read(Site, {"ORIGINS": origin}).exact_origins()


def test_an_origin_may_have_a_port() -> None:
    origins = ("https://chat.example:8443", "http://localhost:8000", "http://[::1]:8000")
    assert read(Site, {"ORIGINS": ",".join(origins)}).exact_origins() == origins


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOLYSHEEP_REST_URL", "https://relay.example:abc/v1"),
        ("HOLYSHEEP_REST_URL", "http://[::1"),
        ("HOLYSHEEP_REST_URL", "relay.example/v1"),
        ("HOLYSHEEP_REST_URL", "https://me:secret@relay.example/v1"),
        ("HOLYSHEEP_WS_URL", "https://relay.example"),
        ("HOLYSHEEP_API_KEY", "YOUR_HOLYSHEEP_API_KEY"),
        ("HOLYSHEEP_API_KEY", "hs_two words"),
        ("EMBEDDED_RELAYS", "=http://127.0.0.1:1/v1"),
        ("EMBEDDED_RELAYS", "http://127.0.0.1:1/v1"),
    ],
)
def test_a_relay_that_could_never_answer_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingInvalid, match=f"{name} must be") as refused:
        read(Relay, {name: value}).addresses()
    assert "two words" not in str(refused.value)


@pytest.mark.parametrize("url", ["smtp://host:abc", "smtp://[::1", "http://host", "smtp://"])
def test_a_mail_server_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingInvalid, match="EMAIL_URL must be"):
        mail(url)


@pytest.mark.parametrize("url", ["redis://", "redis://host:abc", "unix://", "localhost:6379"])
def test_a_redis_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingInvalid, match="REDIS_URL must be"):
        cache(url)


@pytest.mark.parametrize("value", ["inf", "1e400", "nan"])
def test_a_number_without_end_is_refused(value: str) -> None:
    with pytest.raises(SettingInvalid, match="RELAY_TURN_TIMEOUT_SECONDS must be"):
        read(Relay, {"RELAY_TURN_TIMEOUT_SECONDS": value})


def test_a_wrong_value_ends_the_start_with_one_line(tmp_path: Path) -> None:
    env = server_environment(tmp_path) | {"MAX_RETRIES": "many"}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.strip() == "tram: MAX_RETRIES must be a whole number of tries, 0 to 20"


def test_without_a_secret_nothing_starts(tmp_path: Path) -> None:
    env = server_environment(tmp_path)
    del env["SECRET_KEY"]
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("tram: SECRET_KEY must be set")


def test_production_defaults_pass_the_deployment_checks(tmp_path: Path) -> None:
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env |= {"SECRET_KEY": os.urandom(40).hex(), "DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_a_postgresql_address_gives_a_checked_pool_and_no_lasting_connections() -> None:
    found = database("postgresql://ann:p%40ss@db.example:5433/tram", Path("/data"), 12)
    assert (found["USER"], found["PASSWORD"]) == ("ann", "p@ss")
    assert (found["HOST"], found["PORT"], found["NAME"]) == ("db.example", "5433", "tram")
    assert found["OPTIONS"]["pool"]["max_size"] == 12
    assert (found["CONN_MAX_AGE"], found["CONN_HEALTH_CHECKS"]) == (0, True)


def test_a_database_that_vanished_is_given_up_before_a_lease_runs_out() -> None:
    options = database("postgresql://db.example/tram", Path("/data"), 12)["OPTIONS"]
    silence = options["keepalives_interval"] * options["keepalives_count"]
    assert options["keepalives_idle"] + silence < read(Nodes, {}).lease_seconds
    assert options["tcp_user_timeout"] / 1000 < read(Nodes, {}).lease_seconds
    own = database("postgresql://db.example/tram?tcp_user_timeout=1", Path("/data"), 12)
    assert own["OPTIONS"]["tcp_user_timeout"] == "1"


def test_sqlite_takes_its_write_lock_at_once() -> None:
    found = database("", Path("/data"), 12)
    assert found["NAME"] == "/data/tram.sqlite3"
    assert found["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


@pytest.mark.parametrize(
    "url", ["mysql://host/tram", "postgresql://host", "tram.sqlite3", "postgresql://[::1/tram"]
)
def test_another_database_is_refused(url: str) -> None:
    with pytest.raises(SettingInvalid, match="DATABASE_URL must be"):
        database(url, Path("/data"), 12)


def test_origins_are_made_from_the_hosts() -> None:
    plain = read(Site, {"HTTPS": "false", "PORT": "8001", "ALLOWED_HOSTS": "localhost"})
    assert plain.exact_origins() == ("http://localhost:8001",)
    secure = read(Site, {"ALLOWED_HOSTS": "chat.example,*.example"})
    assert secure.exact_origins() == ("https://chat.example",)
    with pytest.raises(SettingInvalid, match="ORIGINS must be"):
        read(Site, {"ORIGINS": "chat.example"}).exact_origins()


def test_the_real_relay_comes_before_embedded_ones() -> None:
    embedded = {"EMBEDDED_RELAYS": "local=http://127.0.0.1:1/v1,demo=http://127.0.0.1:2/v1"}
    assert [relay.name for relay in read(Relay, embedded).addresses()] == ["local", "demo"]
    (real,) = read(Relay, embedded | {"HOLYSHEEP_API_KEY": "hs_canary_key"}).addresses()
    assert real.rest_url == "https://api.holysheep.ai/v1"
    assert "hs_canary_key" not in repr(real)


@pytest.mark.parametrize(
    ("given", "ws_url"),
    [
        ({}, "wss://stream.holysheep.ai/v1/chat/completions"),
        ({"HOLYSHEEP_REST_URL": "https://api.holysheep.ai/v1/"},
         "wss://stream.holysheep.ai/v1/chat/completions"),
        ({"HOLYSHEEP_REST_URL": "https://relay.example/v1"}, ""),
        ({"HOLYSHEEP_REST_URL": "https://relay.example/v1", "HOLYSHEEP_WS_URL": "wss://ws.example/x"},
         "wss://ws.example/x"),
        ({"HOLYSHEEP_WS_URL": "wss://api.holysheep.ai/v1/chat/completions"},
         "wss://api.holysheep.ai/v1/chat/completions"),
    ],
)  # fmt: skip
def test_the_key_of_another_relay_never_goes_to_the_websocket_of_the_default_one(
    given: dict[str, str], ws_url: str
) -> None:
    (relay,) = read(Relay, given | {"HOLYSHEEP_API_KEY": "hs_canary_key"}).addresses()
    assert relay.ws_url == ws_url
