"""Settings of the installation and of its accounts."""

import re
from dataclasses import dataclass
from pathlib import Path

from config.addresses import parts_of
from config.environment import SettingInvalid, variable

BASE_DIR = Path(__file__).resolve().parents[2]
EMBEDDED_DATA_DIR = BASE_DIR / "var"
HOST_NAME = re.compile(r"\*|\.?(?:[\w-]+\.)*[\w-]+\.?|\[[0-9a-fA-F:.]+\]")
HOSTS_ALLOWED = "a list of host names such as chat.example.org, without scheme, port and path"
SHORTEST_TOKEN_CHARACTERS = 16
KEPT_SECRET = "secret_key"  # noqa: S105  (the name of a file in DATA_DIR)


@dataclass(frozen=True, slots=True)
class Site:
    """The installation: where it listens, where it stores, who may reach it."""

    secret_key: str = variable(
        "SECRET_KEY",
        "",
        secret=True,
        meaning="Signs sessions and tokens; 50 random characters. `make up` makes one and keeps "
        "it in DATA_DIR; elsewhere it is required.",
        shown_default="required",
    )
    debug: bool = variable("DEBUG", False, meaning="Error pages for developers. Never in service.")
    https: bool = variable(
        "HTTPS",
        True,
        meaning="The site is reached by https: secure `__Host-` cookies, HSTS, redirect from http. "
        "`make up` turns it off for loopback.",
    )
    behind_proxy: bool = variable(
        "BEHIND_PROXY",
        False,
        meaning="One reverse proxy stands in front and sets X-Forwarded-Proto and -For itself.",
    )
    allowed_hosts: tuple[str, ...] = variable(
        "ALLOWED_HOSTS",
        ("localhost", "127.0.0.1"),
        meaning="Host names under which the site answers.",
    )
    origins: tuple[str, ...] = variable(
        "ORIGINS",
        (),
        meaning="Exact origins whose pages may open the socket, as `https://chat.example.org`.",
        shown_default="made from ALLOWED_HOSTS, HTTPS and PORT",
    )
    cors_origins: tuple[str, ...] = variable(
        "CORS_ORIGINS",
        (),
        meaning="Exact origins of foreign pages that may use `/v1/` and `/api/` with an API key, "
        "as `https://app.example.org`. Cookies never count there.",
        shown_default="none",
    )
    static_collected: bool = variable(
        "STATIC_COLLECTED",
        True,
        meaning="Static files are served as `collectstatic` left them: hashed, compressed, "
        "cached for ever. Off: straight from the sources, for development and tests.",
    )
    host: str = variable("HOST", "127.0.0.1", meaning="Address on which the server listens.")
    port: int = variable(
        "PORT", 8000, meaning="Port on which the server listens.", low=1, high=65535
    )
    data_dir: Path = variable(
        "DATA_DIR",
        EMBEDDED_DATA_DIR,
        meaning="Folder of the embedded database, static files and secret.",
        shown_default="var",
    )
    database_url: str = variable(
        "DATABASE_URL",
        "",
        secret=True,
        meaning="`postgresql://user:password@host:port/name` or `sqlite:///path`.",
        shown_default="tram.sqlite3 in DATA_DIR",
    )
    metrics_token: str = variable(
        "METRICS_TOKEN",
        "",
        secret=True,
        meaning="What Prometheus brings as `Authorization: Bearer ...` to read `/metrics`, 16 "
        "characters at least. Without it the door does not exist.",
        shown_default="none",
    )
    database_pool_size: int = variable(
        "DATABASE_POOL_SIZE",
        20,
        unit="connections",
        low=2,
        high=1000,
        meaning="Most PostgreSQL connections of one process.",
    )
    redis_url: str = variable(
        "REDIS_URL",
        "",
        secret=True,
        meaning="Redis or Valkey for several processes: cache and channel layer.",
        shown_default="none: in memory, one process",
    )
    email_url: str = variable(
        "EMAIL_URL",
        "",
        secret=True,
        meaning="`smtp://user:password@host:587`, or `smtps://` for TLS from the start.",
        shown_default="none: mail is written to the log",
    )
    email_from: str = variable(
        "EMAIL_FROM", "Tram <tram@localhost>", meaning="Sender of the mail that Tram sends."
    )
    log_level: str = variable(
        "LOG_LEVEL",
        "INFO",
        choices=("DEBUG", "INFO", "WARNING", "ERROR"),
        meaning="Least level that is logged.",
    )

    def secret(self) -> str:
        """Return the secret: the environment's, else the one `make up` keeps, else nothing."""
        kept = self.data_dir / KEPT_SECRET
        if self.secret_key or not kept.is_file():
            return self.secret_key
        return kept.read_text().strip()

    def scraper_token(self) -> str:
        """Return METRICS_TOKEN. Raises `SettingInvalid` for one that could be guessed."""
        if 0 < len(self.metrics_token) < SHORTEST_TOKEN_CHARACTERS:
            raise SettingInvalid(
                "METRICS_TOKEN", f"{SHORTEST_TOKEN_CHARACTERS} characters at least"
            )
        return self.metrics_token

    def hosts(self) -> tuple[str, ...]:
        """List the host names. Raises `SettingInvalid` for a scheme, a port or a path with one."""
        for host in self.allowed_hosts:
            if not HOST_NAME.fullmatch(host):
                raise SettingInvalid("ALLOWED_HOSTS", HOSTS_ALLOWED)
        return self.allowed_hosts

    def exact_origins(self) -> tuple[str, ...]:
        """List the origins of this site's own pages; a host name with a wildcard gives none."""
        if self.origins:
            for origin in self.origins:
                _require_origin("ORIGINS", origin)
            return self.origins
        scheme, port = ("https", "") if self.https else ("http", f":{self.port}")
        hosts = (host for host in self.allowed_hosts if not host.startswith((".", "*")))
        return tuple(f"{scheme}://{host}{port}" for host in hosts)

    def foreign_origins(self) -> frozenset[str]:
        """The origins of CORS_ORIGINS without this site's own, whose pages need no leave. Raises
        `SettingInvalid`."""
        for origin in self.cors_origins:
            _require_origin("CORS_ORIGINS", origin)
        return frozenset(self.cors_origins) - frozenset(self.exact_origins())


def _require_origin(name: str, origin: str) -> None:
    allowed = "a list of origins such as https://chat.example.org"
    parts = parts_of(name, origin, allowed)
    exact = f"{parts.scheme}://{parts.netloc}" == origin and HOST_NAME.match(parts.netloc)
    # A browser writes them in small letters; a wildcard or a person's name is never one.
    if parts.scheme not in ("http", "https") or not exact or not _is_plain(parts.netloc):
        raise SettingInvalid(name, allowed)


def _is_plain(place: str) -> bool:
    return place == place.lower() and not place.startswith(".") and not set(place) & set("*@")


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who may have an account."""

    signup_open: bool = variable(
        "SIGNUP_OPEN", False, meaning="Anybody may sign up. The first visitor always may."
    )
    demo: bool = variable(
        "DEMO", False, meaning="Demo people alice, bob and charlie exist. `make up` turns it on."
    )
    demo_password: str = variable(
        "DEMO_PASSWORD", "demo", secret=True, meaning="Password of the demo people."
    )
    signup_credit_usd: str = variable(
        "SIGNUP_CREDIT_USD",
        "5",
        unit="USD",
        meaning="Credit of each new team, as the default relay gives. 0: none.",
    )
    session_days: int = variable(
        "SESSION_DAYS", 14, unit="days", low=1, high=365, meaning="A login ends after this long."
    )
