"""Waiting for a condition, never for a time."""

import asyncio
from collections.abc import Callable

LOOK_SECONDS = 0.01


async def until(
    condition: Callable[[], object], seconds: float = 10.0, look_seconds: float = LOOK_SECONDS
) -> None:
    """Return once the condition holds; raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(look_seconds)
