"""One turn from its first request to its settlement, in a task of its own."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Protocol

import structlog

from chat.protocol import Notice
from chat.relay.attempts import AttemptStarted, RoutedEvent
from chat.relay.errors import RelayError
from chat.relay.extras import Extras, merged, text_of_extras
from chat.relay.gates import Claim
from chat.relay.recourse import GoOn
from chat.relay.types import ChatRequest, Delta, Finish, RetryNotice, UsageReport, WaitingNotice
from chat.services.ending import TurnEnd
from chat.turns.allowance import Allowance
from chat.turns.journal import Journal
from chat.turns.live import LiveTurn
from chat.turns.outcome import Outcome, Stop, storable, storable_extras
from chat.turns.requests import claim_of, first_request, resumed_request
from chat.turns.sentences import SILENCE, notice_of

log = structlog.get_logger(__name__)

CLOSE_SECONDS = 5.0
"""The relay's connection closes within milliseconds; a reader that takes longer is reported."""
SILENCE_SECONDS = 10.0
"""Who watches is told once that the relay has said nothing for this long (fault row 3)."""
TOKENS_PER_CHARACTER = 2
"""No text of a natural or programming language has more; byte-level tokenizers have 4 at most."""


class AnswerStream(Protocol):
    """The seam to the relays: a request in, its events out."""

    def stream(
        self, request: ChatRequest, claim: Claim, go_on: GoOn | None = None
    ) -> AsyncGenerator[RoutedEvent, None]:
        """Yield the answer's events; closing the iterator closes the relay's connection.

        Bounds the time of the whole. Text comes only after an AttemptStarted. `go_on` makes the
        request that goes on with a broken answer.
        """


class TurnRunner:
    """Owns one live turn. `stop` may be called by anybody, any number of times."""

    def __init__(
        self,
        live: LiveTurn,
        relay: AnswerStream,
        journal: Journal,
        *,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self.live = live
        self._relay = relay
        self._journal = journal
        self._allowance = Allowance(live.admitted)
        self._silence_seconds = silence_seconds
        self._stop: Stop | None = None
        self._stopping = asyncio.Event()
        self._outcome = Outcome()
        # In line, or before another try: who watches knows that the relay is asked nothing now.
        self._waits_as_told = False
        # Characters of generated text at which its cost is looked at again.
        self._next_look_characters = live.admitted.max_tokens // TOKENS_PER_CHARACTER
        self._generated_characters = 0
        # When the last text came or the present try began, by the event loop's clock.
        self._heard_at = 0.0
        self._silence_told = False
        # The end with all text, where `run` was cancelled before that could be shown.
        self.unsaid: TurnEnd | None = None

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
        """Read the relay until it ends or somebody stops it.

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
                reader.cancel()
            await _ended(reader)
        total_ms = (time.monotonic_ns() - started_ns) // 1_000_000
        try:
            await self._journal.flush(self.live)
        finally:
            end = self._outcome.end(self.live, self._stop, started_ns=started_ns, total_ms=total_ms)
            self.unsaid = _with_all(end, self.live)
        return end

    async def _first_of(self, *tasks: "asyncio.Task[Any]") -> None:
        """Wait until one of them ends; say so when the relay is silent."""
        loop = asyncio.get_running_loop()
        self._note_sound()
        while True:
            now = loop.time()
            silent = now >= self._heard_at + self._silence_seconds
            if silent and not self._silence_told and not self._waits_as_told:
                self._silence_told = True
                self.live.tell(Notice(self.live.id, "waiting", SILENCE))
            # When to tell, or to look again after what was told.
            look_at = (now if silent else self._heard_at) + self._silence_seconds
            ended, _ = await asyncio.wait(
                tasks, timeout=look_at - now, return_when=asyncio.FIRST_COMPLETED
            )
            if ended:
                return

    async def _read(self) -> None:
        outcome, admitted = self._outcome, self.live.admitted
        answer = self._relay.stream(first_request(admitted), claim_of(admitted), self._go_on)
        try:
            async with aclosing(answer) as events:
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

    def _go_on(self, content: str) -> ChatRequest | None:
        generated = self._outcome.generated()
        # Another prompt is paid for: how far the hold still reaches is looked at anew.
        self._next_look_characters = self._generated_characters
        return resumed_request(self.live.admitted, self._allowance, content, generated)

    def _take(self, event: RoutedEvent) -> None:
        if isinstance(event, Delta):
            if event.content or event.reasoning or event.extras:
                extras = storable_extras(event.extras)
                self._take_text(storable(event.content), storable(event.reasoning), extras)
        elif isinstance(event, AttemptStarted):
            self._waits_as_told = False
            self._note_sound()
            self._outcome.attempts.append(event.attempt)
        elif not isinstance(event, Finish | UsageReport):
            self._waits_as_told = isinstance(event, WaitingNotice | RetryNotice)
            self.live.tell(notice_of(self.live.id, event))

    def _take_text(self, content: str, reasoning: str, extras: Extras | None) -> None:
        outcome = self._outcome
        first = outcome.first_delta_ns is None
        if first:
            outcome.first_delta_ns = time.monotonic_ns()
        self._note_sound()
        self.live.gather(content, reasoning, extras)
        self._journal.touch(self.live, first=first)
        generated = reasoning + content + text_of_extras(extras)
        outcome.take_text(generated)
        self._generated_characters += len(generated)
        if self._generated_characters >= self._next_look_characters:
            self._look_at_cost()

    def _note_sound(self) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        self._silence_told = False

    def _look_at_cost(self) -> None:
        left = self._allowance.tokens_left(self._outcome.generated())
        if left <= 0:
            self.stop("budget_stopped")
        # Until so many more characters have come the hold cannot be used up.
        self._next_look_characters += max(32, left // TOKENS_PER_CHARACTER)


def _with_all(end: TurnEnd, live: LiveTurn) -> TurnEnd | None:
    if not (hidden := live.held_back()):
        return None
    return replace(
        end,
        content=end.content + "".join(chunk.content for chunk in hidden),
        reasoning=end.reasoning + "".join(chunk.reasoning for chunk in hidden),
        extras=merged(each for each in (end.extras, *(c.extras for c in hidden)) if each) or None,
    )


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
