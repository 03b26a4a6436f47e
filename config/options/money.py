"""Settings of money: the ledger's keys, the zone of budgets, what is told when they run low."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from config.environment import SettingInvalid, variable

KEPT_KEYS = "ledger_keys"
SHORTEST_KEY_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Money:
    """Ledger, budgets and top-ups."""

    ledger_keys: tuple[str, ...] = variable(
        "LEDGER_KEYS",
        (),
        secret=True,
        meaning="Random texts of 32 characters or more that sign the ledger's rows, with commas: "
        "the first signs, the others still verify. Changing SECRET_KEY does not change them once "
        "they are set. `make up` makes one and keeps it in DATA_DIR.",
        shown_default=f"{KEPT_KEYS} in DATA_DIR, if it is there, else made from SECRET_KEY",
    )
    ledger_anchors: Path = variable(
        "LEDGER_ANCHORS_DIR",
        Path(),
        meaning="Folder for the daily anchors of the ledger; best on another machine's disk.",
        shown_default="ledger-anchors in DATA_DIR",
    )
    zone: str = variable(
        "BILLING_ZONE",
        "UTC",
        meaning="Time zone in which the days, weeks and months of limits begin, such as "
        "Asia/Ho_Chi_Minh.",
    )
    statement_zones: tuple[str, ...] = variable(
        "STATEMENT_ZONES",
        ("UTC", "Asia/Ho_Chi_Minh", "Asia/Shanghai"),
        meaning="Time zones in whose days usage and statements can be read, besides BILLING_ZONE.",
    )
    topup_usd_per_cny: str = variable(
        "TOPUP_USD_PER_CNY",
        "1",
        unit="USD",
        meaning="Credit for one CNY that is topped up; the default relay gives USD 1.",
    )
    default_price: str = variable(
        "DEFAULT_PRICE_USD",
        "",
        unit="USD",
        meaning="Price of models that have none, for a million tokens in and out, such as 10/30: "
        "it becomes the model's price at its first use. Empty: such a model is refused.",
    )
    spend_webhook_url: str = variable(
        "SPEND_WEBHOOK_URL",
        "",
        secret=True,
        meaning="Address that is told by POST when a budget reaches a share that is warned of. "
        "Empty: none.",
    )

    def keys(self, secret_key: str, data_dir: Path) -> tuple[str, ...]:
        """Return the keys, the one that signs first; raises `SettingInvalid`.

        The one made from SECRET_KEY is always among them: it signed what was written before there
        were others.
        """
        found = self.ledger_keys or _kept(data_dir / KEPT_KEYS)
        # Bytes of the environment that are no text come as halves of surrogate pairs.
        odd = (not each.isprintable() for each in found)
        if any(odd) or any(len(each) < SHORTEST_KEY_CHARACTERS for each in found):
            raise SettingInvalid(
                "LEDGER_KEYS", f"a list of texts of {SHORTEST_KEY_CHARACTERS} characters at least"
            )
        derived = hashlib.sha256(f"tram ledger key:{secret_key}".encode()).hexdigest()
        return tuple(dict.fromkeys((*found, derived)))

    def anchors(self, data_dir: Path) -> Path:
        """Return the folder of the anchors."""
        return data_dir / "ledger-anchors" if self.ledger_anchors == Path() else self.ledger_anchors

    def checked_zone(self) -> str:
        """Return the zone's name; raises `SettingInvalid` for one that nobody knows."""
        return _known("BILLING_ZONE", self.zone)

    def checked_statement_zones(self) -> tuple[str, ...]:
        """Return the zones' names; raises `SettingInvalid` for one that nobody knows."""
        return tuple(_known("STATEMENT_ZONES", each) for each in self.statement_zones)

    def checked_default_price(self) -> str:
        """Return "input/output" in USD, or nothing; raises `SettingInvalid` unless exact."""
        figure = r"\d{1,4}(\.\d{1,9})?"
        if self.default_price and not re.fullmatch(f"{figure}/{figure}", self.default_price):
            allowed = "two prices below 10000 such as 10/30, with at most nine decimal places"
            raise SettingInvalid("DEFAULT_PRICE_USD", allowed)
        return self.default_price

    def webhook(self) -> str:
        """Return the address to call, or nothing; raises `SettingInvalid`."""
        parts = urlsplit(self.spend_webhook_url)
        if self.spend_webhook_url and (parts.scheme not in ("http", "https") or not parts.netloc):
            raise SettingInvalid("SPEND_WEBHOOK_URL", "an address that begins with https://")
        return self.spend_webhook_url


def _kept(path: Path) -> tuple[str, ...]:
    """The keys of a file, with commas or one a line; none where there is no file."""
    if not path.is_file():
        return ()
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError):
        raise SettingInvalid("LEDGER_KEYS", f"in {path.name} of DATA_DIR, readable") from None
    return tuple(part.strip() for part in text.replace("\n", ",").split(",") if part.strip())


def _known(setting: str, zone: str) -> str:
    try:
        return ZoneInfo(zone).key
    except (ValueError, OSError):
        raise SettingInvalid(setting, "a time zone such as Asia/Shanghai") from None
