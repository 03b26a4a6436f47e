"""One turn from its first request to its settlement, in a task of its own."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Protocol

import structlog

from chat.protocol import Notice
from chat.relay.attempts import RoutedEvent
from chat.relay.errors import RelayError, RelayTimeout
from chat.relay.types import (
    ChatRequest,
    Delta,
    Finish,
    RelayMessage,
    RetryNotice,
    UsageReport,
)
from chat.services.ending import TurnEnd
from chat.turns.journal import Journal
from chat.turns.live import LiveTurn
from chat.turns.outcome import Outcome, Stop, storable
from chat.turns.sentences import SILENCE, retrying

log = structlog.get_logger(__name__)

CLOSE_SECONDS = 5.0
"""The relay's connection closes within milliseconds; a reader that takes longer is reported."""
SILENCE_SECONDS = 10.0
"""Who watches is told once that the relay has said nothing for this long (fault row 3)."""
TOKENS_PER_CHARACTER = 2
"""No text of a natural or programming language has more; byte-level tokenizers have 4 at most."""


class AnswerStream(Protocol):
    """The seam to the relay: a request in, its events out."""

    def stream(self, request: ChatRequest) -> AsyncGenerator[RoutedEvent, None]:
        """Yield the answer's events; closing the iterator closes the relay's connection."""


class TurnRunner:
    """Owns one live turn. `stop` may be called by anybody, any number of times."""

    def __init__(
        self,
        live: LiveTurn,
        relay: AnswerStream,
        journal: Journal,
        *,
        tokens_left: Callable[[str], int],
        turn_timeout_seconds: float,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        """`tokens_left(generated_text)` says how many more tokens the hold pays for."""
        self.live = live
        self._relay = relay
        self._journal = journal
        self._tokens_left = tokens_left
        self._turn_timeout_seconds = turn_timeout_seconds
        self._silence_seconds = silence_seconds
        self._stop: Stop | None = None
        self._stopping = asyncio.Event()
        self._outcome = Outcome()
        # Characters of generated text at which its cost is looked at again.
        self._next_look_characters = live.admitted.max_tokens // TOKENS_PER_CHARACTER
        self._generated_characters = 0
        # When the last text came, by the event loop's clock.
        self._heard_at = 0.0

    def stop(
        self,
        state: str = "interrupted",
        *,
        by_id: int | None = None,
        error: tuple[str, str] = ("", ""),
    ) -> None:
        """End the turn now, in `state`; the first call decides."""
        if self._stop is None:
            self._stop = Stop(state, by_id, *error)
            self._stopping.set()

    async def run(self) -> TurnEnd:
        """Read the relay until it ends, somebody stops it, or its time is up.

        All text is journaled and published when this returns how the turn ended.
        """
        started_ns = time.monotonic_ns()
        if self.live.admitted.prefix:
            self.live.gather(self.live.admitted.prefix)
            self._journal.touch(self.live, first=True)
        reader = asyncio.create_task(self._read(), name=f"reader {self.live.id}")
        stopping = asyncio.create_task(self._stopping.wait(), name=f"stopping {self.live.id}")
        try:
            await self._first_of(reader, stopping)
        finally:
            stopping.cancel()
            # Cancelled once and awaited: a second cancel could leave the relay generating.
            if not reader.done():
                if self._stop is None:
                    self._outcome.error = RelayTimeout(
                        f"The answer was not complete after {self._turn_timeout_seconds:g} seconds."
                    )
                reader.cancel()
            await _ended(reader)
        total_ms = (time.monotonic_ns() - started_ns) // 1_000_000
        await self._journal.flush(self.live)
        return self._outcome.end(self.live, self._stop, started_ns=started_ns, total_ms=total_ms)

    async def _first_of(self, *tasks: "asyncio.Task[Any]") -> None:
        """Wait until one of them ends or the turn's time is up; say so when the relay is silent."""
        loop = asyncio.get_running_loop()
        self._heard_at = loop.time()
        end, told_of = self._heard_at + self._turn_timeout_seconds, -1
        while (now := loop.time()) < end:
            silent = now >= self._heard_at + self._silence_seconds
            if silent and told_of != self._generated_characters:
                told_of = self._generated_characters
                self.live.tell(Notice(self.live.id, "waiting", SILENCE))
            # When to tell, or to look again after what was told.
            look_at = now if silent else self._heard_at
            ended, _ = await asyncio.wait(
                tasks,
                timeout=min(end, look_at + self._silence_seconds) - now,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if ended:
                return

    async def _read(self) -> None:
        outcome = self._outcome
        try:
            outcome.sent = True
            async with aclosing(self._relay.stream(self._request())) as events:
                async for event in events:
                    self._take(event)
                    if self._stop is not None:
                        break
        except RelayError as error:
            outcome.error = error
        except Exception as error:
            # A fault of ours must still end the turn, keep its text and settle it.
            log.exception("reader_failed", turn=str(self.live.id))
            outcome.error = RelayError(f"The answer could not be read ({type(error).__name__}).")

    def _request(self) -> ChatRequest:
        admitted = self.live.admitted
        return ChatRequest(
            model=admitted.model,
            messages=tuple(RelayMessage(m.role, m.content) for m in admitted.prompt),
            max_tokens=admitted.max_tokens,
            temperature=admitted.temperature,
            extra={} if admitted.top_p is None else {"top_p": admitted.top_p},
        )

    def _take(self, event: RoutedEvent) -> None:
        outcome = self._outcome
        if isinstance(event, Delta):
            if event.content or event.reasoning:
                self._take_text(storable(event.content), storable(event.reasoning))
        elif isinstance(event, UsageReport):
            outcome.take_usage(event)
        elif isinstance(event, Finish):
            outcome.finish_reason = event.finish_reason
        elif isinstance(event, RetryNotice):
            self.live.tell(Notice(self.live.id, "retrying", retrying(event)))

    def _take_text(self, content: str, reasoning: str) -> None:
        outcome = self._outcome
        first = outcome.first_delta_ns is None
        if first:
            outcome.first_delta_ns = time.monotonic_ns()
        self._heard_at = asyncio.get_running_loop().time()
        self.live.gather(content, reasoning)
        self._journal.touch(self.live, first=first)
        outcome.generated.append(reasoning + content)
        self._generated_characters += len(content) + len(reasoning)
        if self._generated_characters >= self._next_look_characters:
            self._look_at_cost()

    def _look_at_cost(self) -> None:
        text = "".join(self._outcome.generated)
        self._outcome.generated = [text]
        left = self._tokens_left(text)
        if left <= 0:
            self.stop("budget_stopped")
        # Until so many more characters have come the hold cannot be used up.
        self._next_look_characters += max(32, left // TOKENS_PER_CHARACTER)


async def _ended(reader: "asyncio.Task[None]") -> None:
    """Wait for a cancelled reader even if this task is cancelled as well."""
    waiter = asyncio.ensure_future(asyncio.wait({reader}, timeout=CLOSE_SECONDS))
    try:
        await asyncio.shield(waiter)
    except asyncio.CancelledError:
        await waiter
        raise
    finally:
        if not reader.done():
            log.error("reader_did_not_end", seconds=CLOSE_SECONDS)
        elif not reader.cancelled() and (error := reader.exception()):
            log.error("reader_failed", exc_info=error)
