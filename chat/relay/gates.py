"""The seam between an attempt and the limits of the relay's key it goes out with."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol
from uuid import UUID

import msgspec

from chat.relay.types import WaitingNotice


class Claim(msgspec.Struct, frozen=True):
    """Who wants to ask the relay for an answer, and how many tokens the prompt has, by estimate.

    Turns wait in line by person, so that one person's many turns do not hold up the others; what
    her programs ask has the number below zero.
    """

    turn_id: UUID
    person_id: int
    team_id: UUID
    tokens: int = 0


class Gate(Protocol):
    """Lets attempts through as the limits of one key allow."""

    def enter(self, claim: Claim) -> AsyncGenerator[WaitingNotice, None]:
        """Wait for the turn's place; yields where it stands, ends when it may go.

        An async generator. Closing it, or cancelling the task that waits on it, leaves the line.
        Raises RelayRateLimited when the wait would be longer than anybody should have.
        """
        ...

    async def leave(self, claim: Claim, *, tokens: int | None) -> None:
        """Give the place back; `tokens` is what the attempt really used, None = not known."""
        ...

    async def hold_off(self, seconds: float) -> None:
        """Let nobody through for so long: the relay asked for it (Retry-After)."""
        ...

    def active(self) -> int:
        """Attempts of this process that are through now."""
        ...

    def is_busy(self) -> bool:
        """Whether who comes now would wait, as far as this process knows."""
        ...

    def waiting(self) -> int:
        """Attempts of this process that stand in line now."""
        ...


class OpenGate:
    """No limits. For simulations, and for relays that have none."""

    def __init__(self) -> None:
        self._active = 0

    async def enter(self, claim: Claim) -> AsyncGenerator[WaitingNotice, None]:  # noqa: ARG002
        """Let everybody through at once."""
        self._active += 1
        nothing: tuple[WaitingNotice, ...] = ()
        for notice in nothing:
            yield notice

    async def leave(self, claim: Claim, *, tokens: int | None) -> None:  # noqa: ARG002
        """Count one less."""
        self._active -= 1

    async def hold_off(self, seconds: float) -> None:
        """Nobody waits here."""

    def active(self) -> int:
        """Attempts that are through now."""
        return self._active

    def waiting(self) -> int:
        """Nobody waits here."""
        return 0

    def is_busy(self) -> bool:
        """Nobody waits here."""
        return False
