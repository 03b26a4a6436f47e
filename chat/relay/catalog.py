"""Which models a relay offers, kept for a while, and what people may call them."""

from __future__ import annotations

import asyncio
import heapq
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, TypeGuard
from weakref import WeakKeyDictionary

import msgspec

from chat.relay.capabilities import SILENT, Capabilities, read_capabilities
from chat.relay.errors import ModelUnknown, RelayError, RelayProtocol

MAX_ENTRIES = 10_000
MAX_NAME_LENGTH = 200
NEAR_MATCHES = 3
# Comparing letter by letter takes milliseconds where names are long and alike: so only the
# likeliest ones are, and of those the beginning.
COMPARED_NAMES = 100
COMPARED_CHARACTERS = 64
NO_ALIASES: Mapping[str, str] = MappingProxyType({})
# After a failure the relay is left alone for so long, or each waiting request would ask again.
PAUSE_AFTER_FAILURE_SECONDS = 5.0
# The last list of a relay that fails is believed for so long.
KEEP_SECONDS = 600.0


class CatalogueEntry(msgspec.Struct, frozen=True):
    """One model: the relay's id, a name for people, and what it can do."""

    id: str
    name: str
    can: Capabilities = SILENT


class Catalogue(msgspec.Struct, frozen=True):
    """What a relay listed. `error` says why this is an older copy, None = it is a fresh one."""

    entries: tuple[CatalogueEntry, ...]
    error: RelayError | None = None

    def resolve(self, name: str, aliases: Mapping[str, str] = NO_ALIASES) -> str:
        """Return the relay's id for a name: itself if listed, else what `aliases` say, if that is
        listed; an alias of an alias leads nowhere.

        Raises ModelUnknown with near matches.
        """
        ids = [entry.id for entry in self.entries]
        if name in ids:
            return name
        if aliases.get(name) in ids:
            return aliases[name]
        near = _near_matches(name, ids)
        hint = f" Near matches: {', '.join(near)}." if near else ""
        raise ModelUnknown(
            f"The relay has no model {name[:MAX_NAME_LENGTH]!r}.{hint}",
            model=name,
            near_matches=near,
        )


def _near_matches(name: str, ids: Sequence[str]) -> tuple[str, ...]:
    """Return the ids most like the name, in a time that no list of models makes long."""
    name = name[:COMPARED_CHARACTERS]
    words = _words(name)

    def likely(model: str) -> tuple[int, int]:
        return len(words & _words(model)), _alike_at_first(name, model)

    chosen = ids if len(ids) <= COMPARED_NAMES else heapq.nlargest(COMPARED_NAMES, ids, likely)
    # Of two that begin alike the first one is named.
    full = {model[:COMPARED_CHARACTERS]: model for model in reversed(chosen)}
    return tuple(full[each] for each in get_close_matches(name, list(full), NEAR_MATCHES, 0.5))


def _alike_at_first(one: str, other: str) -> int:
    shorter = min(len(one), len(other))
    return next((n for n in range(shorter) if one[n] != other[n]), shorter)


def _words(name: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z]+|[0-9]+", name[:MAX_NAME_LENGTH].lower()))


def read_catalogue(document: Any) -> Catalogue:
    """Return the catalogue in a `/models` document; raises RelayProtocol if there is none."""
    listed = document.get("data") if isinstance(document, dict) else document
    if not isinstance(listed, list):
        raise RelayProtocol("The relay's list of models is not a list.", sent=False)
    found: dict[str, CatalogueEntry] = {}
    for item in listed[:MAX_ENTRIES]:
        model_id = item.get("id") if isinstance(item, dict) else item
        if _is_name(model_id):
            name = item.get("name") if isinstance(item, dict) else None
            shown = name if _is_name(name) else model_id
            found.setdefault(model_id, CatalogueEntry(model_id, shown, read_capabilities(item)))
    return Catalogue(tuple(found.values()))


def _is_name(value: Any) -> TypeGuard[str]:
    """Whether this can be shown, stored and sent: control characters could make it pass for
    another name, and half a surrogate pair is no text."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= MAX_NAME_LENGTH
        and value.isprintable()
        and value == value.strip()
    )


class CatalogueKeeper:
    """Asks for the catalogue when the kept copy is old; many who wait share one request."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Any]],
        ttl_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        keep_seconds: float = KEEP_SECONDS,
    ) -> None:
        """`fetch` returns the `/models` document or raises RelayError; `clock` is in seconds.
        While the relay fails its last list is kept for `keep_seconds` after it was given."""
        self.kept: Catalogue | None = None
        self._fetch = fetch
        self._ttl_seconds = ttl_seconds
        self._clock = clock
        self._keep_seconds = keep_seconds
        self._ask_again_at = float("-inf")
        self._given_at = float("-inf")
        self._answered = 0  # how many requests have ended
        self._failure: RelayError | None = None
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            WeakKeyDictionary()
        )

    @property
    def failure(self) -> RelayError | None:
        """Why the last request failed; None when it did not, or there was none."""
        return self._failure

    @property
    def asked(self) -> bool:
        """Whether the relay has answered or failed at least once."""
        return self._answered > 0

    def age_seconds(self) -> float | None:
        """Return how long ago the relay gave the kept list; None where there is none."""
        return None if self.kept is None else max(0.0, self._clock() - self._given_at)

    def due_in_seconds(self) -> float:
        """Return how long the kept copy need not be asked for again."""
        return max(0.0, self._ask_again_at - self._clock())

    def copy(self) -> Catalogue | None:
        """Return the last list without waiting; None where there is none that still counts."""
        self._let_go_of_old()
        return self.kept

    async def get(self, *, fresh: bool = False) -> Catalogue:
        """Return the catalogue; when the relay fails, the last good copy with the error in it.

        Raises RelayError when there is no copy, and always when `fresh` and the relay fails.
        """
        if fresh or self._clock() >= self._ask_again_at:
            await self._ask(fresh)
        self._let_go_of_old()
        if self._failure is not None and (fresh or self.kept is None):
            raise self._failure.with_traceback(None)
        if self.kept is None:
            raise RelayProtocol("The relay's list of models is not known.", sent=False)
        if self._failure is not None:
            return Catalogue(self.kept.entries, self._failure)
        return self.kept

    async def _ask(self, fresh: bool) -> None:
        answered_before = self._answered
        lock = self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        async with lock:
            if self._answered != answered_before and (fresh or self._clock() < self._ask_again_at):
                return  # somebody else asked while we waited
            try:
                self.kept = read_catalogue(await self._fetch())
            except RelayError as error:
                self._failure = error
                self._ask_again_at = self._clock() + PAUSE_AFTER_FAILURE_SECONDS
            else:
                self._failure = None
                self._given_at = self._clock()
                self._ask_again_at = self._given_at + self._ttl_seconds
            self._answered += 1

    def _let_go_of_old(self) -> None:
        if self._failure is not None and self._clock() >= self._given_at + self._keep_seconds:
            self.kept = None
