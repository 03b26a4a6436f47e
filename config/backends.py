"""Cache, channel layer and mail, from their addresses."""

from typing import Any
from urllib.parse import unquote

from config.addresses import parts_of
from config.environment import SettingInvalid

CHANNEL_MESSAGES = 5000
"""Messages that may wait in Redis for one process; what is beyond is lost."""
CACHE_TIMEOUT_SECONDS = 1.0
"""Whoever signs in waits no longer than this for Redis."""
MAIL = "smtp://user:password@host:587 or smtps://…"
REDIS = "redis://, rediss:// or unix:// and an address"


def cache(redis_url: str) -> dict[str, Any]:
    """Describe the cache: shared where there is Redis, else in this process."""
    if not redis_url:
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    _require_redis(redis_url)
    return {
        "BACKEND": "config.shared_cache.SharedCache",
        "LOCATION": redis_url,
        "KEY_PREFIX": "tram",
        "OPTIONS": {
            "socket_timeout": CACHE_TIMEOUT_SECONDS,
            "socket_connect_timeout": CACHE_TIMEOUT_SECONDS,
        },
    }


def channel_layer(redis_url: str) -> dict[str, Any]:
    """Describe the channel layer, which carries rare events only, never tokens."""
    if not redis_url:
        return {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    # Without `socket_timeout: None` redis-py 8 drops every connection that is idle for 5 s.
    host = {"address": redis_url, "socket_timeout": None}
    return {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {"hosts": [host], "prefix": "tram", "capacity": CHANNEL_MESSAGES},
    }


def mail(email_url: str) -> dict[str, Any]:
    """Django's EMAIL_ settings for `email_url`; without one, mail is written to the log."""
    if not email_url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    parts = parts_of("EMAIL_URL", email_url, MAIL)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise SettingInvalid("EMAIL_URL", MAIL)
    direct_tls = parts.scheme == "smtps"
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or (465 if direct_tls else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": direct_tls,
        "EMAIL_USE_TLS": not direct_tls,
        "EMAIL_TIMEOUT": 10,
    }


def _require_redis(url: str) -> None:
    parts = parts_of("REDIS_URL", url, REDIS)
    place = parts.path if parts.scheme == "unix" else parts.hostname
    if parts.scheme not in ("redis", "rediss", "unix") or not place:
        raise SettingInvalid("REDIS_URL", REDIS)
