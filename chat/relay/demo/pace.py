"""When the next pieces are due: a time to the first one, then an even rate with small bursts."""

import asyncio
import random

_BURST_SIZES = (1, 1, 1, 1, 1, 1, 1, 2, 2, 3)


class Pace:
    """Paces one answer by the event loop's clock, so lateness does not add up.

    `tokens_per_second` None means as fast as the client takes it.
    """

    def __init__(
        self, tokens_per_second: float | None, first_token_seconds: float, rng: random.Random
    ) -> None:
        self._interval = None if not tokens_per_second else 1 / tokens_per_second
        self._due = asyncio.get_running_loop().time() + first_token_seconds
        self._rng = rng

    def burst(self) -> int:
        """Choose how many pieces go out in the next write."""
        return self._rng.choice(_BURST_SIZES)

    async def wait(self, tokens: int = 1) -> None:
        """Wait until so many tokens are due."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._due - loop.time()))
        self._due = loop.time() if self._interval is None else self._due + self._interval * tokens
