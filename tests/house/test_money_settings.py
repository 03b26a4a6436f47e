"""The ledger's keys and anchors: where they come from, and what is refused at start."""

from pathlib import Path

import pytest

from config.environment import SettingInvalid, read
from config.options import Money

ONE, TWO = "one-" + "a" * 40, "two-" + "b" * 40
SECRET_KEY = "s" * 50


def keys(folder: Path, given: str = "", secret_key: str = SECRET_KEY) -> tuple[str, ...]:
    environ = {"LEDGER_KEYS": given} if given else {}
    return read(Money, environ).keys(secret_key, folder)


def test_without_others_there_is_a_key_made_of_the_secret_key(tmp_path: Path) -> None:
    (derived,) = keys(tmp_path)
    assert SECRET_KEY not in derived
    assert keys(tmp_path) == (derived,)
    assert keys(tmp_path, secret_key="another") != (derived,)


def test_the_first_key_signs_and_the_one_of_the_secret_key_still_verifies(tmp_path: Path) -> None:
    (derived,) = keys(tmp_path)
    (tmp_path / "ledger_keys").write_text(f"{TWO}\n{ONE}\n")
    assert keys(tmp_path) == (TWO, ONE, derived)
    assert keys(tmp_path, given=f"{ONE},{TWO}") == (ONE, TWO, derived)
    # An earlier SECRET_KEY's, written down: nothing twice.
    assert keys(tmp_path, given=f"{ONE},{derived}") == (ONE, derived)


@pytest.mark.parametrize("given", ["too-short", f"{ONE},too-short", ONE + "\udcff"])
def test_a_wrong_key_ends_the_start_without_being_told(tmp_path: Path, given: str) -> None:
    with pytest.raises(SettingInvalid, match="LEDGER_KEYS") as refusal:
        keys(tmp_path, given=given)
    assert "too-short" not in str(refusal.value)
    (tmp_path / "ledger_keys").write_bytes(b"\xff" * 40)
    with pytest.raises(SettingInvalid, match="LEDGER_KEYS"):
        keys(tmp_path)


def test_anchors_are_in_the_data_folder_unless_said_otherwise(tmp_path: Path) -> None:
    assert read(Money, {}).anchors(tmp_path) == tmp_path / "ledger-anchors"
    named = read(Money, {"LEDGER_ANCHORS_DIR": "/mnt/anchors"})
    assert named.anchors(tmp_path) == Path("/mnt/anchors")


@pytest.mark.parametrize("given", ["", "10/30", "0.000000001/9999.999999999"])
def test_a_default_price_is_two_exact_amounts_or_none(given: str) -> None:
    assert read(Money, {"DEFAULT_PRICE_USD": given}).checked_default_price() == given


@pytest.mark.parametrize("given", ["10", "10/", "-1/1", "1,5/2", "10/30/50", "0.0000000001/1"])
def test_a_default_price_that_is_none_ends_the_start(given: str) -> None:
    with pytest.raises(SettingInvalid, match="DEFAULT_PRICE_USD"):
        read(Money, {"DEFAULT_PRICE_USD": given}).checked_default_price()
