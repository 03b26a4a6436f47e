"""Which models a relay offers, kept for a while, and what people may call them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from difflib import get_close_matches
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from chat.relay.errors import ModelUnknown, RelayError, RelayProtocol

# Names that the relay's documents use for other models.
ALIASES = {
    "gpt-4": "gpt-4.1",
    "claude-3-opus": "claude-opus-4",
    "claude-3-sonnet": "claude-sonnet-4.5",
    "gemini-pro": "gemini-1.5-pro",
    "gemini-pro-1.5": "gemini-2.5-flash",
    "deepseek-chat": "deepseek-v3.2",
}

MAX_ENTRIES = 10_000
MAX_NAME_LENGTH = 200
NEAR_MATCHES = 3
# No model of use has less; a smaller number is something else.
MIN_CONTEXT_TOKENS = 256
# After a failure the relay is left alone for so long, or each waiting request would ask again.
PAUSE_AFTER_FAILURE_SECONDS = 5.0


class CatalogueEntry(msgspec.Struct, frozen=True):
    """One model: the relay's id, a name for people, and how many tokens prompt and answer may
    have together (None: the relay does not say)."""

    id: str
    name: str
    context_tokens: int | None = None


class Catalogue(msgspec.Struct, frozen=True):
    """What a relay listed. `error` says why this is an older copy, None = it is a fresh one."""

    entries: tuple[CatalogueEntry, ...]
    error: RelayError | None = None

    def resolve(self, name: str) -> str:
        """Return the relay's id for a name: itself if listed, else what the alias table says.

        Raises ModelUnknown with near matches.
        """
        ids = [entry.id for entry in self.entries]
        if name in ids:
            return name
        if ALIASES.get(name) in ids:
            return ALIASES[name]
        near = tuple(get_close_matches(name[:MAX_NAME_LENGTH], ids, NEAR_MATCHES, 0.5))
        hint = f" Near matches: {', '.join(near)}." if near else ""
        raise ModelUnknown(
            f"The relay has no model {name[:MAX_NAME_LENGTH]!r}.{hint}",
            model=name,
            near_matches=near,
        )


def read_catalogue(document: Any) -> Catalogue:
    """Return the catalogue in a `/models` document; raises RelayProtocol if there is none."""
    listed = document.get("data") if isinstance(document, dict) else document
    if not isinstance(listed, list):
        raise RelayProtocol("The relay's list of models is not a list.", sent=False)
    found: dict[str, CatalogueEntry] = {}
    for item in listed[:MAX_ENTRIES]:
        model_id = item.get("id") if isinstance(item, dict) else item
        if isinstance(model_id, str) and 0 < len(model_id) <= MAX_NAME_LENGTH:
            name = item.get("name") if isinstance(item, dict) else None
            shown = name[:MAX_NAME_LENGTH] if isinstance(name, str) and name else model_id
            found.setdefault(model_id, CatalogueEntry(model_id, shown, _context_tokens(item)))
    return Catalogue(tuple(found.values()))


def _context_tokens(item: Any) -> int | None:
    """What a relay says of a model's context: each kind of server has its own place for it."""
    if not isinstance(item, dict):
        return None
    meta = item.get("meta")
    said = (
        item.get("context_length"),  # many relays
        item.get("max_model_len"),  # vLLM
        meta.get("n_ctx") if isinstance(meta, dict) else None,  # llama.cpp
    )
    return next((n for n in said if type(n) is int and n >= MIN_CONTEXT_TOKENS), None)


class CatalogueKeeper:
    """Asks for the catalogue when the kept copy is old; many who wait share one request."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Any]],
        ttl_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`fetch` returns the `/models` document or raises RelayError; `clock` is in seconds."""
        self.kept: Catalogue | None = None
        self._fetch = fetch
        self._ttl_seconds = ttl_seconds
        self._clock = clock
        self._ask_again_at = float("-inf")
        self._answered = 0  # how many requests have ended
        self._failure: RelayError | None = None
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            WeakKeyDictionary()
        )

    def fresh_copy(self) -> Catalogue | None:
        """Return the kept catalogue while nobody needs to ask for it; else None."""
        if self._failure is not None or self._clock() >= self._ask_again_at:
            return None
        return self.kept

    async def get(self, *, fresh: bool = False) -> Catalogue:
        """Return the catalogue; when the relay fails, the last good copy with the error in it.

        Raises RelayError when there is no copy, and always when `fresh` and the relay fails.
        """
        if fresh or self._clock() >= self._ask_again_at:
            await self._ask(fresh)
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
                self._ask_again_at = self._clock() + self._ttl_seconds
            self._answered += 1
