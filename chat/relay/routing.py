"""The router: one answer over the routes that may give it, each try noted as it happens."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from types import TracebackType

from chat.relay.attempts import Attempt, AttemptStarted, RoutedEvent
from chat.relay.errors import RelayError, RelayRateLimited, RelayTimeout
from chat.relay.gates import Claim
from chat.relay.recourse import Course, GoOn, is_relays_failure
from chat.relay.routes import Route
from chat.relay.types import ChatRequest, Delta, RelayEvent, RetryNotice, WaitingNotice
from chat.relay.watch import Watch

BYTES_PER_TOKEN = 4
"""In English; Chinese has some 3 and Vietnamese 3 to 4."""


class Router:
    """Fetches answers. Holds no state of theirs: one router serves any number at a time."""

    def __init__(
        self,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        """`sleep` and `clock` (seconds) and `rng` are for tests and simulations."""
        self._sleep = sleep
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311 - load and jitter, no secret

    async def answer(
        self,
        request: ChatRequest,
        routes: Sequence[Route],
        claim: Claim,
        go_on: GoOn | None = None,
    ) -> AsyncGenerator[RoutedEvent, None]:
        """Yield the events of one answer: tries the routes until the first delta has come, and
        afterwards, where the relay's settings allow it, goes on with a broken one by `go_on`.

        Ends normally after `Finish`; raises RelayError otherwise. Close the generator, or cancel
        the task that waits on it once, to stop: the connection is closed, the gate left, and the
        attempt notes how far it had come. The turn timeout of the relay at work bounds the whole,
        but for the time in line.
        """
        course = Course(
            request, in_order(routes, self._rng.random), go_on=go_on, random=self._rng.random
        )
        began = self._clock()
        while True:
            entered = self._clock()
            try:
                async with aclosing(_line(course.route, claim)) as line:
                    async for notice in line:
                        yield notice
            except RelayError as error:
                began += self._clock() - entered
                yield course.elsewhere(error)
                continue
            waited_seconds = self._clock() - entered
            began += waited_seconds
            if not course.route.breaker.try_enter():
                await course.route.gate.leave(claim, tokens=0)
                course.skip()
                continue
            end = began + course.route.client.settings.turn_timeout_seconds
            attempt = course.begin(waited_ms=round(waited_seconds * 1000))
            async with _Try(attempt, course.route, claim, end, self._clock) as trial:
                yield AttemptStarted(attempt)
                async with aclosing(trial.stream()) as events:
                    while (event := await trial.next_of(events)) is not None:
                        if isinstance(event, Delta):
                            course.take(event.content)
                        yield event
            if attempt.error is None:
                return
            recourse = course.after(attempt, left_seconds=end - self._clock())
            yield recourse
            if isinstance(recourse, RetryNotice):
                await self._sleep(recourse.delay_seconds)


class _Try:
    """An attempt under way on an entered route: notes what comes, and at the end tells breaker
    and gate how it went. Swallows the RelayError, which is then the attempt's.
    """

    def __init__(
        self,
        attempt: Attempt,
        route: Route,
        claim: Claim,
        end: float,
        clock: Callable[[], float],
    ) -> None:
        """`end` is the moment of `clock` at which the whole answer's time is up."""
        self._attempt = attempt
        self._route = route
        self._claim = claim
        self._clock = clock
        self._began = clock()
        self._watch = Watch()
        self._watch.end_within(end - self._began)

    def stream(self) -> AsyncGenerator[RelayEvent, None]:
        """Send the request."""
        return self._route.client.attempt(self._attempt.request, self._attempt)

    async def next_of(self, events: AsyncGenerator[RelayEvent, None]) -> RelayEvent | None:
        """Return the next event, noted, None at the end; raises RelayError."""
        attempt = self._attempt
        try:
            with self._watch:
                event = await events.__anext__()
        except StopAsyncIteration:
            return None
        except TimeoutError:
            if attempt.finish_reason:
                return None
            raise RelayTimeout("The answer took too long.", retryable=False) from None
        if not isinstance(event, Delta):
            attempt.note(event)
        elif attempt.ttft_ms is None and (event.content or event.reasoning or event.extras):
            attempt.ttft_ms = self._milliseconds()
        return event

    async def __aenter__(self) -> _Try:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self._watch.close()
        attempt, route = self._attempt, self._route
        attempt.total_ms = self._milliseconds()
        attempt.end(route.client.explained(error) if isinstance(error, RelayError) else None)
        self._tell_breaker()
        failure = attempt.error
        try:
            if isinstance(failure, RelayRateLimited) and failure.retry_after_seconds:
                # Before the place is given back: who stands in line must not come through.
                await route.gate.hold_off(failure.retry_after_seconds)
        finally:
            await route.gate.leave(self._claim, tokens=_tokens_used(attempt, self._claim))
        return isinstance(error, RelayError)

    def _tell_breaker(self) -> None:
        attempt, breaker = self._attempt, self._route.breaker
        if attempt.error is not None and is_relays_failure(attempt):
            breaker.failed()
        elif attempt.outcome == "interrupted" and not attempt.started:
            breaker.abandoned()
        else:
            breaker.succeeded()

    def _milliseconds(self) -> int:
        return round((self._clock() - self._began) * 1000)


def in_order(routes: Sequence[Route], chance: Callable[[], float]) -> list[Route]:
    """Return the routes by priority; among equals those where nobody has to wait come first, and
    otherwise weighted chance decides.

    Each draws how long it would take to come by itself, the heavier the sooner: the order is that
    of a draw without putting back, each time by weight (Efraimidis and Spirakis, 2006).
    """

    def place(route: Route) -> tuple[int, bool, float]:
        settings, busy = route.client.settings, route.gate.is_busy()
        return settings.priority, busy, -math.log(1.0 - chance()) / max(1, settings.weight)

    return sorted(routes, key=place)


async def _line(route: Route, claim: Claim) -> AsyncGenerator[WaitingNotice, None]:
    """Wait at the route's gate, for as long as a whole answer may take."""
    watch = Watch()
    watch.end_within(route.client.settings.turn_timeout_seconds)
    try:
        async with aclosing(route.gate.enter(claim)) as notices:
            while True:
                with watch:
                    notice = await anext(notices, None)
                if notice is None:
                    return
                yield notice
    except TimeoutError:
        raise RelayRateLimited("The line for the relay did not move in time.") from None
    finally:
        watch.close()


def _tokens_used(attempt: Attempt, claim: Claim) -> int | None:
    """What the relay will have counted: of an answer that was cut the prompt by estimate, and
    about a token for each four bytes of what came."""
    if attempt.usage is not None and attempt.outcome == "completed":
        return attempt.usage.total_tokens
    if not attempt.generated:
        return None if attempt.sent else 0
    text_bytes = sum(len(piece.encode(errors="replace")) for piece in attempt.generated)
    return claim.tokens + math.ceil(text_bytes / BYTES_PER_TOKEN)
