"""The client of one relay: attempts with retry, the catalogue, the account, the key."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Protocol

import msgspec

from chat.relay.attempts import RoutedEvent
from chat.relay.catalog import Catalogue, CatalogueKeeper
from chat.relay.errors import ModelUnknown, RelayError, RelayProtocol, RelayTimeout
from chat.relay.keys import inspect_key
from chat.relay.retry import delay_before_retry, policy_of
from chat.relay.settings import RelaySettings
from chat.relay.transports.base import Transport
from chat.relay.transports.http import RelayHTTP
from chat.relay.transports.sse import SSETransport
from chat.relay.types import ChatRequest, Delta, Finish, RelayEvent, RetryNotice
from chat.relay.watch import Watch

__all__ = ["KeyReport", "RelayAccount", "RelayClient", "RelaySettings"]


class Documents(Protocol):
    """Where `/models` and `/usage` come from."""

    async def get_document(self, path: str) -> Any:
        """Return the JSON document; raises RelayError."""
        ...

    async def aclose(self) -> None:
        """Close what is kept open."""
        ...


class RelayAccount(msgspec.Struct, frozen=True):
    """What the relay's `/usage` says: tokens used and granted (None = not said), and the rest."""

    total_usage: float | None
    total_granted: float | None
    other: dict[str, Any]


class KeyReport(msgspec.Struct, frozen=True):
    """A key that the relay accepts: how many models it opens, and what is odd about it."""

    models: int
    warning: str | None = None


class RelayClient:
    """All that the product does with one relay. Safe to share between tasks and event loops."""

    def __init__(
        self,
        settings: RelaySettings,
        transport: Transport | None = None,
        documents: Documents | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        """`transport` and `documents` default to HTTP; `clock` (seconds), `sleep` and `rng` are
        for tests and simulations.
        """
        http = RelayHTTP(settings)
        self.settings = settings
        self._transport = transport or SSETransport(settings, http)
        self._documents = documents or http
        self._keeper = CatalogueKeeper(
            lambda: self._documents.get_document("models"),
            settings.catalogue_ttl_seconds,
            clock,
            settings.catalogue_keep_seconds,
        )
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - jitter, no secret

    async def stream(self, request: ChatRequest) -> AsyncGenerator[RoutedEvent, None]:
        """Yield the events of one answer, trying again until the first delta.

        Ends normally after `Finish`; raises RelayError otherwise. Its `sent` then speaks for all
        attempts. Close the generator, or cancel the task that waits on it once, to stop.
        """
        watch = Watch()
        watch.end_within(self.settings.turn_timeout_seconds)
        attempt, waited_seconds, sent = 0, 0.0, False
        try:
            while True:
                attempt += 1
                progress = _Progress()
                try:
                    async with aclosing(self._transport.stream(request)) as events:
                        while (event := await _next(events, watch, progress)) is not None:
                            yield event
                    return
                except RelayError as error:
                    sent = error.sent = error.sent or sent
                    delay = delay_before_retry(
                        policy_of(self.settings),
                        error,
                        attempt=attempt,
                        waited_seconds=waited_seconds,
                        random=self._rng.random,
                    )
                    if progress.started or delay is None:
                        raise self._explained(error) from None
                    notice = RetryNotice(attempt, delay, error)
                yield notice
                await self._wait(notice, watch)
                waited_seconds += notice.delay_seconds
        finally:
            watch.close()

    def kept_models(self) -> Catalogue | None:
        """Return the catalogue without waiting, None where the relay must be asked first."""
        return self._keeper.copy() if self._keeper.due_in_seconds() else None

    @property
    def catalogue(self) -> CatalogueKeeper:
        """The keeper of what the relay offers."""
        return self._keeper

    async def models(self, *, fresh: bool = False) -> Catalogue:
        """Return what the relay offers, at most `catalogue_ttl_seconds` old.

        When the relay fails: the last good copy, with `error` set; with `fresh`, or without a
        copy, raises RelayError.
        """
        return await self._keeper.get(fresh=fresh)

    async def usage(self) -> RelayAccount:
        """Return the relay's own account of us; raises RelayError."""
        document = await self._documents.get_document("usage")
        if not isinstance(document, dict):
            raise RelayProtocol("The relay's usage is not an object.", sent=False)
        other = dict(document)
        used, granted = other.pop("total_usage", None), other.pop("total_granted", None)
        return RelayAccount(_number(used), _number(granted), other)

    async def check_key(self) -> KeyReport:
        """Try the key; raises RelayAuth if it cannot work or is refused, or another RelayError."""
        warning = inspect_key(self.settings.api_key)
        catalogue = await self.models(fresh=True)
        return KeyReport(len(catalogue.entries), warning)

    async def aclose(self) -> None:
        """Close the kept connections of the running event loop."""
        await self._transport.aclose()
        await self._documents.aclose()

    async def _wait(self, notice: RetryNotice, watch: Watch) -> None:
        try:
            with watch:
                await self._sleep(notice.delay_seconds)
        except TimeoutError:
            raise notice.error from None

    def _explained(self, error: RelayError) -> RelayError:
        """Add near matches to an unknown model, if the catalogue is known."""
        if isinstance(error, ModelUnknown) and self._keeper.kept is not None:
            try:
                self._keeper.kept.resolve(error.model)
            except ModelUnknown as better:
                better.status = error.status
                return better
        return error


class _Progress:
    """How far one attempt has come."""

    started = False
    finished = False


async def _next(
    events: AsyncGenerator[RelayEvent, None], watch: Watch, progress: _Progress
) -> RelayEvent | None:
    """Return the next event of an attempt, None at its end."""
    try:
        with watch:
            event = await events.__anext__()
    except StopAsyncIteration:
        return None
    except TimeoutError:
        if progress.finished:
            return None
        raise RelayTimeout("The answer took too long.", retryable=False) from None
    if isinstance(event, Delta):
        if not progress.started:
            progress.started = bool(event.content or event.reasoning or event.tool_calls)
    elif isinstance(event, Finish):
        progress.finished = True
    return event


def _number(value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return None
