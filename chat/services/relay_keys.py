"""The keys of relays at rest: sealed, bound to where they may be sent, and sealed anew.

A sealed key opens only with a secret of the installation (RELAY_KEY_SECRETS), which is not in the
database, and only for the relay and the hosts it was entered for: whoever can write to the
database, or change a relay's address, cannot have it sent elsewhere.
"""

import base64
import hashlib
from functools import lru_cache
from urllib.parse import urlsplit

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction

from chat.models import Relay, RelayKey
from chat.relay.keys import keep_secret

SHORTEST_SHOWN_CHARACTERS = 16
"""Of a shorter key four characters would be too many to show."""
SECRET_ID_CHARACTERS = 12


class RelayKeyError(Exception):
    """A relay's key cannot be kept or used."""

    code = "relay_key_error"

    def __init__(self) -> None:
        super().__init__((type(self).__doc__ or "").strip())


class NoSecret(RelayKeyError):
    """No secret seals the keys of relays: set RELAY_KEY_SECRETS."""

    code = "relay_key_no_secret"


class KeyUnusable(RelayKeyError):
    """The key does not open with any of RELAY_KEY_SECRETS for this relay: enter it again."""

    code = "relay_key_unusable"


class _Content(msgspec.Struct, frozen=True):
    key: str
    relay: int
    hosts: tuple[str, ...]

    def __repr__(self) -> str:
        return f"_Content(relay={self.relay})"


def can_seal() -> bool:
    """Whether there is a secret to seal keys with."""
    return bool(settings.RELAY_KEY_SECRETS)


def seal(row: RelayKey, key: str) -> None:
    """Put `key` into the row, whose relay is stored already; the caller saves it.

    Raises NoSecret.
    """
    if not can_seal():
        raise NoSecret
    keep_secret(key)
    secret = settings.RELAY_KEY_SECRETS[0]
    content = _Content(key, row.relay_id, hosts_of(row.relay))
    row.sealed = _box(secret).encrypt(msgspec.json.encode(content)).decode()
    row.secret_id = secret_id(secret)
    row.last_four = key[-4:] if len(key) >= SHORTEST_SHOWN_CHARACTERS else ""


def unseal(row: RelayKey) -> str:
    """Return the key in the row; raises KeyUnusable."""
    key = _open(row).key
    keep_secret(key)
    return key


def is_usable(row: RelayKey) -> bool:
    """Whether the key opens."""
    try:
        unseal(row)
    except KeyUnusable:
        return False
    return True


def hosts_of(relay: Relay) -> tuple[str, ...]:
    """Where the relay's keys are sent: scheme, host and port of its addresses."""
    addresses = (relay.base_url, relay.ws_url or relay.base_url)
    return tuple(dict.fromkeys(map(_host, addresses)))


def rotate() -> tuple[int, int]:
    """Seal every key anew with the first secret; return how many, and how many do not open.

    Raises NoSecret.
    """
    if not can_seal():
        raise NoSecret
    sealed, unusable = 0, 0
    with transaction.atomic():
        for row in RelayKey.objects.select_for_update().select_related("relay").order_by("pk"):
            try:
                seal(row, unseal(row))
            except KeyUnusable:
                unusable += 1
                continue
            row.save(update_fields=["sealed", "secret_id", "changed_at"])
            sealed += 1
    return sealed, unusable


def secret_id(secret: str) -> str:
    """Name a secret without telling it."""
    return hashlib.sha256(b"tram relay key secret id:" + _derived(secret)).hexdigest()[
        :SECRET_ID_CHARACTERS
    ]


def _open(row: RelayKey) -> _Content:
    boxes = [_box(secret) for secret in settings.RELAY_KEY_SECRETS]
    try:
        if not boxes:
            raise InvalidToken
        content = msgspec.json.decode(MultiFernet(boxes).decrypt(row.sealed), type=_Content)
    except (InvalidToken, ValueError, msgspec.MsgspecError):  # ValueError: no ASCII
        raise KeyUnusable from None
    # Not "the same hosts": a relay that lost its WebSocket address sends the key to fewer.
    if content.relay != row.relay_id or not _hosts(row.relay) <= set(content.hosts):
        raise KeyUnusable
    return content


def _hosts(relay: Relay) -> set[str]:
    try:
        return set(hosts_of(relay))
    except ValueError:  # an address that no form let in
        raise KeyUnusable from None


def _host(url: str) -> str:
    parts = urlsplit(url.lower())
    secure = "s" if parts.scheme in ("https", "wss") else ""
    port = parts.port or (443 if secure else 80)
    return f"{secure}//{parts.hostname}:{port}"


def _derived(secret: str) -> bytes:
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tram relay keys")
    return kdf.derive(secret.encode())


@lru_cache(maxsize=16)
def _box(secret: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_derived(secret)))
