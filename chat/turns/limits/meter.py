"""The seam between a gate and the counts that its limits are measured by."""

from typing import Protocol

import msgspec

WINDOW_SECONDS = 60.0
MAX_DEBT_MINUTES = 5
"""Tokens that were used beyond the limit are waited for, but never longer than this: a relay that
reports absurd numbers must not close its key for days."""
MAX_HOLD_OFF_SECONDS = 300.0
"""A relay that asks for a longer pause is asked again by the next turn after this: the pause may
have been meant for one model only, and must not close the key for everybody for hours."""


class KeyLimits(msgspec.Struct, frozen=True):
    """The limits of one key; 0 = none."""

    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    concurrent_streams: int = 0

    @property
    def any(self) -> bool:
        """Whether there is a limit at all."""
        return bool(self.requests_per_minute or self.tokens_per_minute or self.concurrent_streams)


class Lease(msgspec.Struct, frozen=True):
    """A place with the relay, asked for or had. `tokens` is what it is charged beforehand."""

    id: str
    tokens: int = 0


class Answer(msgspec.Struct, frozen=True):
    """Whether the place was given. If not: the seconds until a rate allows it, where a rate is in
    the way, and after how many to ask again, None = when a place is given back here."""

    granted: bool
    delay_seconds: float | None = None
    ask_again_seconds: float | None = None


class Meter(Protocol):
    """Counts what goes through one key. All three limits are judged in one step, and nothing is
    counted unless all of them allow it."""

    async def take(self, lease: Lease, limits: KeyLimits) -> Answer:
        """Ask for a place."""

    async def give_back(self, lease: Lease, tokens: int | None, limits: KeyLimits) -> None:
        """The answer ended, having used so many tokens; None = not known, the charge stays."""

    async def undo(self, lease: Lease, limits: KeyLimits) -> None:
        """Nothing was sent: count it as if it had never been asked for."""

    async def hold_off(self, seconds: float) -> None:
        """Let the other processes give no place for so long."""

    async def step_back(self) -> None:
        """Nobody of this process waits any more."""

    async def aclose(self) -> None:
        """Let go of everything, and of all places had."""
