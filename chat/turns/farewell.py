"""What the sockets of a process do when it drains."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog
from django.conf import settings

log = structlog.get_logger(__name__)


async def say_goodbye(goodbyes: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Close the sockets one after the other, so that their clients do not all come at once."""
    waiting = list(goodbyes)
    pause = settings.SOCKETS.close_spread_seconds / max(1, len(waiting))
    for goodbye in waiting:
        try:
            await goodbye()
        except Exception:
            log.exception("goodbye_failed")
        await asyncio.sleep(min(pause, 0.05))
