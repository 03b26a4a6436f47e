"""What to do when a try has failed: again, elsewhere, on from where it broke, or give up.

No clock and no tasks: the router tells what happened and does what is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from chat.relay.attempts import Attempt
from chat.relay.errors import (
    ModelUnknown,
    RelayError,
    RelayProtocol,
    RelayReported,
    RelayStreamBroken,
    RelayTimeout,
    RelayTruncated,
    RelayUnavailable,
)
from chat.relay.retry import delay_before_retry, policy_of
from chat.relay.routes import Route
from chat.relay.types import ChatRequest, FallbackNotice, ResumeNotice, RetryNotice

MAX_RESUMES = 2
SOONEST_PROBE_SECONDS = 1.0
LEAST_SECONDS = 0.05  # less is no time for another try
PAYMENT_REQUIRED = 402

Recourse = RetryNotice | FallbackNotice | ResumeNotice


class GoOn(Protocol):
    """Makes the request that goes on with a broken answer."""

    def __call__(self, content: str) -> ChatRequest | None:
        """Return the request for what follows `content`, the answer so far; None = there is
        nothing to go on with, or no money left for it.
        """
        ...


class Course:
    """The way of one answer from route to route.

    `route` is the one to try now, `request` what to ask it.
    """

    def __init__(
        self,
        request: ChatRequest,
        routes: Sequence[Route],
        *,
        go_on: GoOn | None,
        random: Callable[[], float],
    ) -> None:
        """`routes` in the order to try them in; `random` returns a number in [0, 1).

        Raises RelayUnavailable when every route is closed by its breaker.
        """
        self._routes = tuple(routes)
        self._left = list(routes)
        self._request = request
        self._go_on = go_on
        self._random = random
        self._content: list[str] = []
        self._tries = 0
        self._resumes = 0
        self._waited_seconds = 0.0
        self._failure: RelayError | None = None
        self.attempts = 0
        self.route = self._next_open()

    @property
    def request(self) -> ChatRequest:
        """What the present route is asked: the same, by the name that the model has there."""
        asked = self._request
        if asked.model == self.route.model:
            return asked
        return msgspec.structs.replace(asked, model=self.route.model)

    def begin(self, waited_ms: int) -> Attempt:
        """Begin a try on the present route."""
        self.attempts += 1
        self._tries += 1
        settings = self.route.client.settings
        return Attempt(
            number=self.attempts,
            relay_name=settings.name,
            key_label=settings.key_label,
            request=self.request,
            resumed=self._resumes > 0,
            waited_ms=waited_ms,
        )

    def take(self, content: str) -> None:
        """Keep what came, to go on from it if the stream breaks."""
        if self.route.client.settings.resumes:
            self._content.append(content)

    def after(self, attempt: Attempt, *, left_seconds: float) -> Recourse:
        """Say what to do after a try failed.

        `left_seconds` is the time that the whole answer still has. Raises the error to tell
        when nothing is left to do.
        """
        error = attempt.error
        assert error is not None
        if left_seconds < LEAST_SECONDS:
            raise error
        if attempt.started:
            return self._resume(error)
        if self.route.breaker.state == "open":
            # This was the failure that closed the route: nobody waits to try it again.
            return self.elsewhere(error)
        delay = delay_before_retry(
            policy_of(self.route.client.settings),
            error,
            attempt=self._tries,
            waited_seconds=self._waited_seconds,
            random=self._random,
        )
        if delay is None or delay >= left_seconds:
            return self.elsewhere(error)
        self._waited_seconds += delay
        return RetryNotice(self.attempts, delay, error)

    def elsewhere(self, error: RelayError) -> FallbackNotice:
        """Turn to the next route, the present one having failed with `error`; raises the error to
        tell when there is none.
        """
        if self._failure is None or not isinstance(error, ModelUnknown):
            self._failure = error
        if is_requests_fault(error):
            raise error
        self.skip()
        return FallbackNotice(self.route.client.settings.name, error)

    def skip(self) -> None:
        """Turn to the next route; raises the error to tell when there is none."""
        self._left.pop(0)
        self._tries = 0
        self.route = self._next_open()

    def _next_open(self) -> Route:
        while self._left:
            if self._left[0].breaker.state != "open":
                return self._left[0]
            self._left.pop(0)
        raise self._failure or all_closed(self._routes)

    def _resume(self, error: RelayError) -> ResumeNotice:
        resumable = isinstance(error, RelayStreamBroken | RelayTruncated | RelayTimeout)
        resumable = resumable and self.route.client.settings.resumes
        content = "".join(self._content)
        if not (resumable and content and self._go_on and self._resumes < MAX_RESUMES):
            raise error
        request = self._go_on(content)
        if request is None:
            raise error
        self._content = [content]
        self._request = request
        self._resumes += 1
        self._tries = 0
        self._failure = error
        self._left = [self.route, *(each for each in self._routes if each is not self.route)]
        # The stream that broke may have been the failure that closed its route.
        self.route = self._next_open()
        return ResumeNotice(error)


def all_closed(routes: Sequence[Route]) -> RelayUnavailable:
    """Return the error for an answer that no route may be asked for now."""
    if not routes:
        return RelayUnavailable("No relay offers this model now.", sent=False)
    soonest = min(route.breaker.opens_in_seconds() for route in routes)
    seconds = max(soonest, SOONEST_PROBE_SECONDS)
    return RelayUnavailable(
        f"The relay kept failing; it is tried again in {seconds:.0f} s.",
        retry_after_seconds=seconds,
        sent=False,
    )


def is_requests_fault(error: RelayError) -> bool:
    """Whether another relay would refuse the same request too."""
    return (
        isinstance(error, RelayReported)
        and error.status is not None
        and 400 <= error.status < 500
        and error.status != PAYMENT_REQUIRED
    )


def is_relays_failure(attempt: Attempt) -> bool:
    """Whether the way an attempt failed speaks against its route, for the breaker.

    A refusal in good form is an answer; so is one that grew too long or too large.
    """
    error = attempt.error
    if isinstance(error, RelayStreamBroken | RelayUnavailable):
        return True
    if isinstance(error, RelayTimeout):
        # What cannot be tried again is the end of the whole answer's time.
        return error.retryable or not attempt.started
    return isinstance(error, RelayProtocol) and not attempt.started
