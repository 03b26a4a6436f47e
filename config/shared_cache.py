"""The cache in Redis, and what stands in while Redis is away.

Sign-in counts wrong passwords in the cache: Redis carries no truth, so its absence must keep
nobody out. Meanwhile each process counts by itself, as without Redis.
"""

import time
from typing import Any

import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

LOOK_AGAIN_SECONDS = 2.0
"""After a failure Redis is left alone for so long, so that nobody waits for it at each step."""

log = structlog.get_logger(__name__)


class _Outage:
    """What all threads of this process know of Redis: until when it is left alone."""

    until = 0.0


class SharedCache(RedisCache):
    """Django's cache in Redis, in memory while Redis does not answer."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._own = LocMemCache("without redis", {})

    def _do(self, name: str, *arguments: Any, **options: Any) -> Any:
        if time.monotonic() >= _Outage.until:
            try:
                result = getattr(super(), name)(*arguments, **options)
            except RedisError as error:
                if not _Outage.until:
                    log.warning("cache_without_redis", error=type(error).__name__)
                _Outage.until = time.monotonic() + LOOK_AGAIN_SECONDS
            else:
                if _Outage.until:
                    log.info("cache_with_redis_again")
                    _Outage.until = 0.0
                return result
        return getattr(self._own, name)(*arguments, **options)


def _standing_in(name: str) -> Any:
    def method(self: SharedCache, *arguments: Any, **options: Any) -> Any:
        return self._do(name, *arguments, **options)

    method.__name__ = name
    return method


# All that touches Redis; the rest of a cache is made from these.
for _name in (
    *("add", "get", "set", "touch", "delete", "has_key", "incr"),
    *("get_many", "set_many", "delete_many", "clear"),
):
    setattr(SharedCache, _name, _standing_in(_name))
