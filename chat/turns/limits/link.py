"""The connection of one process to the shared counts, and what it does while there is none."""

import asyncio
import math
from collections.abc import Sequence
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from chat.turns.limits.pace import Pace

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 1.0
PAUSE_SECONDS = 5.0
"""After Redis did not answer it is not asked again for so long."""
FAILURES = (RedisError, OSError)


class Link:
    """Runs scripts in Redis for all keys of one event loop. A Redis that does not answer costs a
    moment now and then, and is logged once."""

    def __init__(self, redis_url: str, *, pause_seconds: float = PAUSE_SECONDS) -> None:
        self.pace = Pace()
        self.pause_seconds = pause_seconds
        # A timeout counts only while a reply is waited for: idle connections stay. A connection
        # that went stale is noticed at its next use, so a script may run twice.
        self.redis: Redis = Redis.from_url(
            redis_url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 1),
        )
        self._scripts: dict[str, Any] = {}
        self._away_until = -math.inf
        self._failing = False

    async def run(self, script: str, keys: Sequence[str], *arguments: str | int) -> Any:
        """Run a script and return its reply, never None; None = Redis does not answer."""
        if _now() < self._away_until:
            return None
        if script not in self._scripts:
            self._scripts[script] = self.redis.register_script(script)
        try:
            reply = await self._scripts[script](keys, arguments)
        except FAILURES as error:
            self._away_until = _now() + self.pause_seconds
            if not self._failing:
                self._failing = True
                log.warning("limits_without_redis", error=type(error).__name__)
            return None
        if self._failing:
            self._failing = False
            log.info("limits_with_redis_again")
        return reply

    async def aclose(self) -> None:
        """Close the connections."""
        await self.redis.aclose()


def _now() -> float:
    return asyncio.get_running_loop().time()
