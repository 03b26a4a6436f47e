"""Counts of one process."""

import time
from collections import deque
from collections.abc import Callable

from chat.turns.limits.meter import (
    MAX_DEBT_MINUTES,
    WINDOW_SECONDS,
    Answer,
    KeyLimits,
    Lease,
)


class MemoryMeter:
    """Counts in memory, by a clock that nobody can set. For one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` is in seconds."""
        self._clock = clock
        self._leases: set[str] = set()
        self._requests: deque[tuple[float, str]] = deque()
        # Tokens left in the bucket at `_level_at`; None while it was never drawn from: full.
        self._level: float | None = None
        self._level_at = 0.0

    async def take(self, lease: Lease, limits: KeyLimits) -> Answer:
        """Ask for a place."""
        delay = self._rate_delay(lease, limits)
        if delay > 0:
            return Answer(granted=False, delay_seconds=delay, ask_again_seconds=delay)
        if limits.concurrent_streams and len(self._leases) >= limits.concurrent_streams:
            return Answer(granted=False)
        self.count(lease, limits)
        return Answer(granted=True)

    def count(self, lease: Lease, limits: KeyLimits) -> None:
        """Count a place as given, whatever the limits say."""
        self._leases.add(lease.id)
        if limits.requests_per_minute:
            self._requests.append((self._clock(), lease.id))
            self._forget_old_requests()
        self._pour(-lease.tokens, limits)

    async def give_back(self, lease: Lease, tokens: int | None, limits: KeyLimits) -> None:
        """The answer ended."""
        if lease.id in self._leases:
            self._leases.discard(lease.id)
            if tokens is not None:
                self._pour(lease.tokens - tokens, limits)

    async def undo(self, lease: Lease, limits: KeyLimits) -> None:
        """Nothing was sent."""
        if lease.id in self._leases:
            self._leases.discard(lease.id)
            self._requests = deque(each for each in self._requests if each[1] != lease.id)
            self._pour(lease.tokens, limits)

    async def hold_off(self, seconds: float) -> None:
        """The gate of the process knows by itself."""

    async def step_back(self) -> None:
        """Only the line of the process waits for these counts."""

    async def aclose(self) -> None:
        """Nothing outlives the process."""

    def _rate_delay(self, lease: Lease, limits: KeyLimits) -> float:
        """Seconds until window and bucket allow it; 0 = they do."""
        now, delay = self._clock(), 0.0
        if limits.requests_per_minute:
            self._forget_old_requests()
            beyond = len(self._requests) - limits.requests_per_minute
            if beyond >= 0:
                delay = max(delay, self._requests[beyond][0] + WINDOW_SECONDS - now)
        if limits.tokens_per_minute:
            needed = min(lease.tokens, limits.tokens_per_minute) - self._fill(limits)
            delay = max(delay, needed * WINDOW_SECONDS / limits.tokens_per_minute)
        return delay

    def _forget_old_requests(self) -> None:
        while self._requests and self._requests[0][0] <= self._clock() - WINDOW_SECONDS:
            self._requests.popleft()

    def _fill(self, limits: KeyLimits) -> float:
        """Let the bucket fill up to now; returns its level, below 0 = a debt."""
        now, capacity = self._clock(), float(limits.tokens_per_minute)
        if self._level is None:
            self._level = capacity
        # A debt is of the limit that holds now, which may have been lowered since.
        level = max(-capacity * MAX_DEBT_MINUTES, self._level)
        filled = level + (now - self._level_at) * capacity / WINDOW_SECONDS
        self._level, self._level_at = min(capacity, filled), now
        return self._level

    def _pour(self, tokens: float, limits: KeyLimits) -> None:
        if limits.tokens_per_minute:
            level = self._fill(limits) + tokens
            capacity = limits.tokens_per_minute
            self._level = max(-capacity * MAX_DEBT_MINUTES, min(capacity, level))
