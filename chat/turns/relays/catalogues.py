"""The lists of models of all relays, kept fresh behind the back of whoever sends.

Nobody who sends waits for a slow `/models`, but at the very start, when nothing is known yet.
"""

import asyncio
from collections.abc import Iterable

import structlog
from django.conf import settings

from chat.queries.model_words import NO_WORDS, ModelWords
from chat.relay.catalog import Catalogue
from chat.relay.client import RelayClient
from chat.relay.errors import NoRelay, RelayError, RelayUnavailable
from chat.turns.relays.offers import Offering, merge

log = structlog.get_logger(__name__)

FIRST_LOOK_SECONDS = 2.0
"""At the start the first sends wait this long for the other relays once one has answered."""
NOTHING_KNOWN_SECONDS = 5.0
"""And so long for any list at all; after that they are told that no relay answers."""
LEAST_PAUSE_SECONDS = 0.2
FAULT_PAUSE_SECONDS = 5.0
MODELS_LOGGED = 20


class Catalogues:
    """Owns one task for each relay, which asks it for its models again and again."""

    def __init__(self, clients: Iterable[RelayClient] = ()) -> None:
        self._clients = tuple(clients)
        self._words = NO_WORDS
        self._askers: dict[RelayClient, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._looked = False
        self._begun = False
        self._closed = False
        self._default_told = False
        self._merged_of: list[tuple[RelayClient, Catalogue]] = []
        self._merged: Offering | None = None

    def follow(self, clients: Iterable[RelayClient]) -> None:
        """Ask these relays from now on, in this order of preference, and no others."""
        self._clients, self._merged = tuple(clients), None
        for client in [each for each in self._askers if each not in self._clients]:
            self._let_go(self._askers.pop(client))
        if self._begun:
            self.begin()

    def heed(self, words: ModelWords) -> None:
        """Let these words of the administrators hold."""
        if words != self._words:
            self._words, self._merged = words, None

    def begin(self) -> None:
        """Ask every relay that is not being asked yet. To be called on the event loop."""
        if self._closed:
            return
        self._begun = True
        for client in self._clients:
            if client not in self._askers:
                name = f"models of {client.settings.name}"
                self._askers[client] = asyncio.create_task(self._keep_asking(client), name=name)

    async def offering(self) -> Offering:
        """What is offered now. Raises RelayError when no relay has a list that still counts."""
        self.begin()
        if not self._looked:
            await self._first_look()
        listed = [(c, copy) for c in self._clients if (copy := c.catalogue.copy()) is not None]
        if not listed:
            raise self._failure().with_traceback(None)
        if self._merged is None or not _same(listed, self._merged_of):
            self._merged_of, self._merged = listed, merge(listed, self._words)
            self._look_at_default(self._merged)
        return self._merged

    async def aclose(self) -> None:
        """Stop asking."""
        self._closed = True
        for task in self._askers.values():
            self._let_go(task)
        self._askers.clear()
        self._tell_all()
        if self._leaving:
            await asyncio.wait(self._leaving)

    def _let_go(self, task: "asyncio.Task[None]") -> None:
        task.cancel()
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _keep_asking(self, client: RelayClient) -> None:
        before, failing = frozenset[str](), ""
        while True:
            pause_seconds = LEAST_PAUSE_SECONDS
            try:
                listed = await client.models()
            except RelayError as error:
                listed = Catalogue((), error)
            except Exception as error:
                # A fault of ours must not end the asking for good.
                log.exception("relay_models_failed", relay=client.settings.name)
                listed = Catalogue((), RelayError(type(error).__name__))
                pause_seconds = FAULT_PAUSE_SECONDS
            self._tell_all()
            now = frozenset(entry.id for entry in listed.entries)
            failing = _log_failure(client, listed, failing)
            _log_change(client, before, now)
            before = now
            await asyncio.sleep(max(pause_seconds, client.catalogue.due_in_seconds()))

    def _look_at_default(self, offering: Offering) -> None:
        """Tell once when the default model of the settings cannot be that of new conversations."""
        configured = settings.TURNS.default_model
        taken = offering.default_model(configured)
        fits = taken in (configured, offering.words.aliases.get(configured))
        if configured and not fits and not self._default_told:
            log.warning("default_model_not_offered", default=configured, instead=taken)
        self._default_told = bool(configured) and not fits

    def _tell_all(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _first_look(self) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while not self._closed and any(not client.catalogue.asked for client in self._clients):
            known = any(client.catalogue.copy() is not None for client in self._clients)
            patience_seconds = FIRST_LOOK_SECONDS if known else NOTHING_KNOWN_SECONDS
            try:
                async with asyncio.timeout_at(begun + patience_seconds):
                    await self._news.wait()
            except TimeoutError:
                break
        # Without relays there was nothing to look at: the first that comes is waited for.
        self._looked = bool(self._clients)

    def _failure(self) -> RelayError:
        failures = (client.catalogue.failure for client in self._clients)
        if not self._clients:
            return NoRelay()
        none = RelayUnavailable("No relay answers.", sent=False)
        return next(filter(None, failures), None) or none


def _same(
    one: list[tuple[RelayClient, Catalogue]], other: list[tuple[RelayClient, Catalogue]]
) -> bool:
    return len(one) == len(other) and all(
        a is c and b is d for (a, b), (c, d) in zip(one, other, strict=True)
    )


def _log_failure(client: RelayClient, listed: Catalogue, before: str) -> str:
    """Tell of a failure once, and of its end; return its code."""
    code = listed.error.code if listed.error else ""
    if code and code != before:
        log.warning("relay_catalogue_failed", relay=client.settings.name, code=code)
    if before and not code:
        log.info("relay_catalogue_answers_again", relay=client.settings.name)
    return code


def _log_change(client: RelayClient, before: frozenset[str], now: frozenset[str]) -> None:
    if before and before != now:
        log.info(
            "relay_models_changed",
            relay=client.settings.name,
            gone=sorted(before - now)[:MODELS_LOGGED],
            new=sorted(now - before)[:MODELS_LOGGED],
        )
