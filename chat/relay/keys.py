"""The relay's key: judging it before use, and keeping it out of every text."""

from __future__ import annotations

import re

from chat.relay.errors import RelayAuth

PLACEHOLDER = "YOUR_HOLYSHEEP_API_KEY"
KNOWN_PREFIXES = ("hs_", "sk-hs-", "hsa-")

_KEY_LIKE = re.compile(r"\b(?:hs_|hsa-|sk-)[\w*.\-…]{4,}")
_REDACTED = "[key]"
_SHORTEST_SECRET_CHARACTERS = 8
_in_use: set[str] = set()


def inspect_key(key: str) -> str | None:
    """Return a warning about a key that looks odd, or None.

    Raises RelayAuth for a key that cannot work: empty, the placeholder of the documents, or one
    that does not fit an HTTP header. No message holds any part of the key.
    """
    if not key.strip():
        raise RelayAuth("The relay's key is empty.")
    if key.strip() == PLACEHOLDER:
        raise RelayAuth("The relay's key is still the placeholder of the documents.")
    if not fits_header(key.strip()):
        raise RelayAuth("The relay's key holds characters that no key has.")
    if not key.strip().startswith(KNOWN_PREFIXES):
        return f"The relay's key begins with none of {', '.join(KNOWN_PREFIXES)}."
    return None


def fits_header(key: str) -> bool:
    """Say whether the key is printable ASCII without spaces, as an HTTP header needs."""
    return key.isascii() and key.isprintable() and " " not in key


def authorization(key: str) -> dict[str, str]:
    """Return the header that shows the key, none without a key: a relay on the operator's own
    machine needs none. Raises RelayAuth for a key that does not fit a header.
    """
    key = key.strip()
    if key and not fits_header(key):
        raise RelayAuth("The relay's key holds characters that no key has.")
    return {"Authorization": f"Bearer {key}"} if key else {}


def redact(text: str, key: str) -> str:
    """Return the text without the key, and without anything that looks like a key."""
    if key.strip():
        text = text.replace(key.strip(), _REDACTED)
    return _KEY_LIKE.sub(_REDACTED, text)


def keep_secret(key: str) -> None:
    """Let `hide_kept` know a key that came from the database. A very short one could be a word."""
    if len(key) >= _SHORTEST_SECRET_CHARACTERS:
        _in_use.add(key)


def hide_kept(text: str, shown: str = _REDACTED) -> str:
    """Return the text with `shown` in place of every key that `keep_secret` was told of."""
    for key in tuple(_in_use):
        text = text.replace(key, shown)
    return text
