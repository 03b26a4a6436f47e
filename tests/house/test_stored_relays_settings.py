"""The settings of administrators' relays: where secrets come from, and what is refused at start."""

from pathlib import Path

import pytest

from config.environment import SettingInvalid, read
from config.options import StoredRelays

ONE, TWO = "one-" + "a" * 40, "two-" + "b" * 40


def test_secrets_come_from_the_environment_first(tmp_path: Path) -> None:
    (tmp_path / "relay_key_secrets").write_text(TWO)
    given = read(StoredRelays, {"RELAY_KEY_SECRETS": f"{ONE}, {TWO}"})
    assert given.secrets(tmp_path) == (ONE, TWO)


def test_secrets_come_from_a_file_one_a_line_or_with_commas(tmp_path: Path) -> None:
    named = tmp_path / "mounted"
    named.write_text(f"{ONE},{TWO}\n")
    assert read(StoredRelays, {"RELAY_KEY_SECRETS_FILE": str(named)}).secrets(tmp_path) == (
        ONE,
        TWO,
    )
    assert read(StoredRelays, {}).secrets(tmp_path) == ()
    (tmp_path / "relay_key_secrets").write_text(f"{TWO}\n\n{ONE}\n")
    assert read(StoredRelays, {}).secrets(tmp_path) == (TWO, ONE)


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"RELAY_KEY_SECRETS": "too-short"}, "RELAY_KEY_SECRETS"),
        ({"RELAY_KEY_SECRETS": f"{ONE},too-short"}, "RELAY_KEY_SECRETS"),
        ({"RELAY_KEY_SECRETS": ONE + "\udcff"}, "RELAY_KEY_SECRETS"),
        ({"RELAY_KEY_SECRETS_FILE": "not-there"}, "RELAY_KEY_SECRETS_FILE"),
    ],
)
def test_a_wrong_secret_ends_the_start_without_being_told(
    tmp_path: Path, environ: dict[str, str], name: str
) -> None:
    with pytest.raises(SettingInvalid, match=name) as refusal:
        read(StoredRelays, environ).secrets(tmp_path)
    assert "too-short" not in str(refusal.value)


@pytest.mark.parametrize("networks", ["10.0.0.1/8", "everywhere", "10.0.0.0/33", "127.0.0.0/8,x"])
def test_a_network_that_is_none_ends_the_start(networks: str) -> None:
    with pytest.raises(SettingInvalid, match="RELAY_PRIVATE_NETWORKS"):
        read(StoredRelays, {"RELAY_PRIVATE_NETWORKS": networks}).networks()
    allowed = read(StoredRelays, {"RELAY_PRIVATE_NETWORKS": "10.0.0.0/8, fd00::/8, 127.0.0.1"})
    assert allowed.networks() == ("10.0.0.0/8", "fd00::/8", "127.0.0.1")
