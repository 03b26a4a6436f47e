"""One turn in the line before a gate: what it knows, and what it has been told."""

import asyncio
import math
from uuid import uuid4

from chat.relay.gates import Claim
from chat.relay.types import WaitingNotice
from chat.turns.limits.meter import Answer, Lease

SHORTEST_WAIT_SECONDS = 0.002
SAME_DELAY_SECONDS = 1.5
"""A wait is told again only when its end moved by more than this."""


class Waiter:
    """All times are of the event loop's clock, in seconds."""

    def __init__(self, claim: Claim, until: float) -> None:
        """`until`: when it gives up."""
        self.person_id = claim.person_id
        self.lease = Lease(uuid4().hex, max(0, claim.tokens))
        self.until = until
        # Set when its place in line may have changed, or when the head may ask again.
        self.woken = asyncio.Event()
        # When a rate allows it, where one is in the way; -inf = none is known to be.
        self.allowed_at = -math.inf
        self._ask_at = math.inf
        self._asked_in: int | None = None
        self._told_position: int | None = None
        self._told_end = -math.inf

    def may_ask(self, changes: int, now: float) -> bool:
        """Whether to ask the meter: the first time, when something was given back since (`changes`
        counts that), and when the meter said so."""
        return self._asked_in != changes or now >= self._ask_at

    def take(self, answer: Answer, changes: int, now: float) -> None:
        """Remember a refusal."""
        again, delay = answer.ask_again_seconds, answer.delay_seconds
        self._asked_in = changes
        self._ask_at = math.inf if again is None else now + max(again, SHORTEST_WAIT_SECONDS)
        self.allowed_at = -math.inf if delay is None else now + delay

    def is_hopeless(self, now: float) -> bool:
        """Whether it waited long enough, or would have to wait for longer than it may."""
        return now >= self.until or self.allowed_at > self.until

    def news(self, position: int, now: float) -> WaitingNotice | None:
        """What it has to be told that it does not know yet."""
        if self.allowed_at > now:
            if abs(self.allowed_at - self._told_end) <= SAME_DELAY_SECONDS:
                return None
            self._told_end, self._told_position = self.allowed_at, None
            return WaitingNotice(delay_seconds=self.allowed_at - now)
        if position == self._told_position:
            return None
        self._told_position, self._told_end = position, -math.inf
        return WaitingNotice(position=position)

    async def pause(self, now: float) -> None:
        """Sleep until it is woken, may ask again, or gives up."""
        try:
            async with asyncio.timeout(min(self.until, self._ask_at) - now):
                await self.woken.wait()
        except TimeoutError:
            return
