"""Settings of the relays that administrators keep."""

from dataclasses import dataclass
from pathlib import Path

from chat.relay.networks import parse_networks
from config.environment import SettingInvalid, variable

KEPT_SECRETS = "relay_key_secrets"
SHORTEST_SECRET_CHARACTERS = 32
NETWORKS_ALLOWED = "a list of networks such as 10.0.0.0/8,fd00::/8"


@dataclass(frozen=True, slots=True)
class StoredRelays:
    """The relays that administrators add in the admin, beside those of the environment."""

    key_secrets: tuple[str, ...] = variable(
        "RELAY_KEY_SECRETS",
        (),
        secret=True,
        meaning="Secrets that seal the keys of these relays in the database, of "
        f"{SHORTEST_SECRET_CHARACTERS} characters at least. The first one seals, all of them open. "
        "`make up` makes one and keeps it in DATA_DIR; elsewhere keys can be added once it is set.",
        shown_default="none",
    )
    key_secrets_file: str = variable(
        "RELAY_KEY_SECRETS_FILE",
        "",
        meaning="File that holds them instead, with commas or one a line.",
        shown_default=f"{KEPT_SECRETS} in DATA_DIR, if it is there",
    )
    private_networks: tuple[str, ...] = variable(
        "RELAY_PRIVATE_NETWORKS",
        (),
        meaning="Private networks that these relays may be in, such as `10.0.0.0/8`; there also by "
        "http. Their addresses lead to the public internet else, by https only.",
        shown_default="none",
    )
    reload_seconds: float = variable(
        "RELAY_RELOAD_SECONDS",
        2.0,
        unit="seconds",
        low=0.1,
        high=3600,
        meaning="Each process looks this often for relays that were changed through another one.",
    )

    def secrets(self, data_dir: Path) -> tuple[str, ...]:
        """Return the secrets, the one that seals first; raises `SettingInvalid`."""
        found = self.key_secrets or self._kept(data_dir)
        # Bytes of the environment that are no text come as halves of surrogate pairs.
        odd = (not each.isprintable() for each in found)
        if any(odd) or any(len(each) < SHORTEST_SECRET_CHARACTERS for each in found):
            raise SettingInvalid(
                "RELAY_KEY_SECRETS",
                f"a list of random texts of {SHORTEST_SECRET_CHARACTERS} characters at least",
            )
        return found

    def networks(self) -> tuple[str, ...]:
        """Return the private networks; raises `SettingInvalid`."""
        try:
            parse_networks(self.private_networks)
        except ValueError:
            raise SettingInvalid("RELAY_PRIVATE_NETWORKS", NETWORKS_ALLOWED) from None
        return self.private_networks

    def _kept(self, data_dir: Path) -> tuple[str, ...]:
        path = Path(self.key_secrets_file) if self.key_secrets_file else data_dir / KEPT_SECRETS
        if not self.key_secrets_file and not path.is_file():
            return ()
        try:
            text = path.read_text()
        except (OSError, UnicodeDecodeError):
            raise SettingInvalid("RELAY_KEY_SECRETS_FILE", "a file that can be read") from None
        return tuple(part.strip() for part in text.replace("\n", ",").split(",") if part.strip())
