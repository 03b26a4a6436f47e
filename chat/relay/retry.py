"""When to try again, and after how long. Pure: plain values in, a delay out.

Own arithmetic instead of stamina: the wait must be told to the person before it begins, the
relay's Retry-After can end the tries at once, and what bounds them is the time spent waiting.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from chat.relay.errors import RelayError
from chat.relay.settings import RelaySettings

MAX_DELAY_SECONDS = 30.0
WAITING_BUDGET_SECONDS = 15.0  # fault row 15: a person is told within this time
RETRY_AFTER_JITTER_SECONDS = 0.25


class RetryPolicy(msgspec.Struct, frozen=True):
    """`tries` in all, the first included; delays double from the first one up to the greatest;
    all waits of one answer together stay within `waiting_budget_seconds`.
    """

    tries: int = 3
    first_delay_seconds: float = 1.0
    max_delay_seconds: float = MAX_DELAY_SECONDS
    waiting_budget_seconds: float = WAITING_BUDGET_SECONDS


def policy_of(settings: RelaySettings) -> RetryPolicy:
    """Return the policy for a relay."""
    return RetryPolicy(
        tries=max(1, settings.max_retries),
        first_delay_seconds=settings.retry_delay_ms / 1000,
    )


def delay_before_retry(
    policy: RetryPolicy,
    error: RelayError,
    *,
    attempt: int,
    waited_seconds: float,
    random: Callable[[], float],
) -> float | None:
    """Return the seconds to wait after attempt number `attempt` (from 1), None = give up.

    `random` returns a number in [0, 1): a quarter more or less, so that those who were refused
    together do not come back together. A wait that the relay asks for is never shortened.
    """
    if not error.retryable or attempt >= policy.tries:
        return None
    doubled = policy.first_delay_seconds * 2.0 ** (attempt - 1)
    delay = min(doubled * (0.75 + 0.5 * random()), policy.max_delay_seconds)
    if error.retry_after_seconds is not None:
        asked = error.retry_after_seconds + RETRY_AFTER_JITTER_SECONDS * random()
        delay = max(delay, asked)
    return delay if waited_seconds + delay <= policy.waiting_budget_seconds else None
