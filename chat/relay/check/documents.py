"""What `/models` and `/usage` tell of a relay: whether it answers, what it says of the key, what
it offers, and what was used. `/models` is asked for once."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from chat.relay.catalog import read_catalogue
from chat.relay.check.steps import Finding, failed, ok, skipped, warning
from chat.relay.client import RelayClient
from chat.relay.errors import (
    RelayAuth,
    RelayError,
    RelayProtocol,
    RelayRateLimited,
    RelayTimeout,
    RelayUnavailable,
)
from chat.relay.keys import KNOWN_PREFIXES, PLACEHOLDER, fits_header, inspect_key
from chat.relay.settings import RelaySettings
from chat.relay.transports.http import RelayHTTP

NAMES_SHOWN = 3


def is_sendable(key: str) -> bool:
    """Whether there is any sense in sending the key to a relay."""
    return key.strip() != PLACEHOLDER and fits_header(key.strip())


class Documents:
    """Asks for the documents with the key in `settings`; `key` is the one that was set, which may
    be none that can be sent."""

    def __init__(self, settings: RelaySettings, http: RelayHTTP, key: str) -> None:
        self.models: tuple[str, ...] = ()
        self._settings = settings
        self._http = http
        self._key = key.strip()
        self._document: Any = None
        self._refusal: RelayError | None = None

    async def ask(self) -> Finding:
        """Ask for `/models`: any answer shows that the relay is there."""
        try:
            self._document = await self._http.get_document("models")
        except RelayTimeout as error:
            return failed("relay_timeout", error.message)
        except RelayUnavailable as error:
            if error.status is not None:
                return failed("out_of_order", error.message, status=error.status)
            return failed("unreachable", error.message)
        except RelayError as error:
            self._refusal = error
        return ok("reachable")

    def judge_key(self) -> Finding:
        """What the answer says of the key. Many relays list their models to everybody, so that
        only an answer proves it."""
        refusal = self._refusal
        if self._key == PLACEHOLDER:
            return failed("key_placeholder")
        if not fits_header(self._key):
            return failed("key_malformed")
        if isinstance(refusal, RelayAuth):
            if not self._key:
                return failed("key_empty")
            return failed("key_forbidden" if refusal.status == 403 else "key_refused")
        if refusal is not None:
            return skipped("key_unknown")
        if not self._key:
            return warning("key_none")
        if inspect_key(self._key) is not None:
            return warning("key_odd", prefixes=", ".join(KNOWN_PREFIXES))
        return ok("key_ok")

    def read_models(self) -> Finding:
        """What the relay offers, of that what may be used."""
        if isinstance(self._refusal, RelayRateLimited):
            return failed("busy", self._refusal.message)
        if self._refusal is not None:
            return failed("models_unread", self._refusal.message)
        try:
            listed = tuple(entry.id for entry in read_catalogue(self._document).entries)
        except RelayProtocol as error:
            return failed("models_unread", error.message)
        if not listed:
            return failed("models_none")
        self.models = tuple(model for model in listed if self._may_be_used(model))
        if not self.models:
            return failed("models_excluded", count=len(listed))
        names = ", ".join(self.models[:NAMES_SHOWN])
        return ok("models_ok", count=len(self.models), names=names)

    async def read_usage(self) -> Finding:
        """What the relay says that was used. Not every relay has this; none is worse for it."""
        try:
            account = await RelayClient(self._settings, documents=self._http).usage()
        except RelayError as error:
            if error.status in (404, 405):
                return skipped("usage_absent")
            return warning(error.code, error.message)
        used, granted = _whole(account.total_usage), _whole(account.total_granted)
        if used is None:
            return warning("usage_unread")
        if granted is None:
            return ok("usage_used", used=used)
        return ok("usage_ok", used=used, granted=granted)

    def _may_be_used(self, model: str) -> bool:
        patterns = self._settings.models
        return not patterns or any(fnmatchcase(model, pattern) for pattern in patterns)


def _whole(tokens: float | None) -> int | None:
    return None if tokens is None else round(tokens)
