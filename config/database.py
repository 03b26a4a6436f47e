"""From DATABASE_URL to Django's description of a database."""

from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote

from config.addresses import parts_of
from config.environment import SettingInvalid

ALLOWED = "postgresql://user:password@host:port/name or sqlite:///path"
SQLITE_BUSY_TIMEOUT_SECONDS = 20
POOL_TIMEOUT_SECONDS = 3
"""Who wants a connection while the database is away learns it after so long. There are more
connections than threads that want one, so nobody waits for another."""
POOL_RECONNECT_SECONDS = 2
"""After so long the pool tries no further by itself, ever more rarely, but when somebody asks."""
CONNECT_TIMEOUT_SECONDS = 5
LOST_LINK = {
    "keepalives_idle": 5,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 8_000,
}
"""A server that vanished without a word, machine and all, is given up after 8 seconds. The system
by itself waits for a quarter of an hour, and so would every beat."""
IDLE_TRANSACTION_MS = 8_000
"""A process that is stopped in the middle of a transaction keeps nobody from its rows longer than
this: less than a lease, so that its turns can be taken over."""

SQLITE_OPTIONS = {
    # A deferred transaction that turns into a writer fails with "locked" without waiting.
    "transaction_mode": "IMMEDIATE",
    "timeout": SQLITE_BUSY_TIMEOUT_SECONDS,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
}


def database(url: str, data_dir: Path, pool_size: int) -> dict[str, Any]:
    """Describe the database at `url`; the embedded one in `data_dir` when `url` is empty.

    `pool_size` is the most PostgreSQL connections of this process. Raises `SettingInvalid`.
    """
    if not url:
        return _sqlite(data_dir / "tram.sqlite3")
    parts = parts_of("DATABASE_URL", url, ALLOWED)
    if parts.scheme in ("postgresql", "postgres") and parts.path.strip("/"):
        return _postgresql(parts, pool_size)
    if parts.scheme == "sqlite" and not parts.netloc and len(parts.path) > 1:
        # As everywhere: three slashes are a relative path, four an absolute one.
        return _sqlite(Path(unquote(parts.path[1:])))
    raise SettingInvalid("DATABASE_URL", ALLOWED)


def _sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        # Opening one takes as long as ten queries: a thread keeps its connection.
        "CONN_MAX_AGE": None,
        "OPTIONS": dict(SQLITE_OPTIONS),
        # Threads and server processes of the tests share it, so it is a file, not memory.
        "TEST": {"NAME": str(path.with_name("test.sqlite3"))},
    }


def _postgresql(parts: SplitResult, pool_size: int) -> dict[str, Any]:
    pool = {
        "min_size": 1,
        "max_size": pool_size,
        "timeout": POOL_TIMEOUT_SECONDS,
        "reconnect_timeout": POOL_RECONNECT_SECONDS,
    }
    given = {key: value for key, value in parse_qsl(parts.query) if key != "host"}
    session = f"-c idle_in_transaction_session_timeout={IDLE_TRANSACTION_MS}"
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or dict(parse_qsl(parts.query)).get("host", "")),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            **LOST_LINK,
            **given,
            # What the address says comes later, and so holds.
            "options": f"{session} {given.get('options', '')}".strip(),
            "pool": pool,
        },
    }
