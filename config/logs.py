"""Logs: one JSON object a line, without secrets and without control characters."""

import logging
import re
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any

import structlog
from django.db.utils import InterfaceError, OperationalError

from chat.relay.keys import hide_kept
from chat.serving.workers import ThisProcess

HIDDEN = "[hidden]"
# Relay keys (hs_, sk-hs-, hsa-, sk-), sealed ones (gAAAAA), this product's API keys, and what
# follows "Bearer". Keys from the database are hidden whatever their shape.
KEY_PATTERN = re.compile(
    r"\b(?:hs_|sk-|hsa-|tram_|gAAAAA)[A-Za-z0-9_\-]{6,}|(?<=[Bb]earer )[^\s\"',;}]+", re.ASCII
)
SECRET_NAMES = re.compile(
    r"(password|passwd|secret|authorization|cookie|api_?key|access_?token|csrf)", re.IGNORECASE
)
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
SHORTEST_SECRET_CHARACTERS = 8

REPEATING = frozenset({"beat_failed", "handovers_not_taken", "lines_not_read", "psycopg.pool"})
"""Events, and loggers, that say the same again and again for as long as the database is away."""
REPEAT_SECONDS = 60.0
STRANGERS = "django.security"
"""The loggers of requests that are refused: a traceback would show Django's own lines only."""

AWAY = (OperationalError, InterfaceError)
"""What requests meet while the database is away."""

EventDict = MutableMapping[str, Any]


class Redactor:
    """A processor that hides known secrets, keys by their shape, and fields by their name."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._known = [text for text in secrets if len(text) >= SHORTEST_SECRET_CHARACTERS]

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> EventDict:
        """Return the event with its secrets hidden; called by structlog."""
        return {self.text(name): self._field(name, value) for name, value in event.items()}

    def text(self, text: str) -> str:
        """Return `text` with every secret replaced."""
        for secret in self._known:
            text = text.replace(secret, HIDDEN)
        return KEY_PATTERN.sub(HIDDEN, hide_kept(text, HIDDEN))

    def _field(self, name: str, value: Any) -> Any:
        return HIDDEN if value and SECRET_NAMES.search(name) else self._value(value)

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self.text(str(key)): self._field(str(key), value[key]) for key in value}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(item) for item in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, bytes):
            return self.text(value.decode(errors="replace"))
        return self.text(str(value))


class Calm(logging.Filter):
    """Lets what repeats itself through once a minute, and without a traceback what is no error of
    the site: the requests of strangers, and those that find no database."""

    def __init__(self) -> None:
        super().__init__()
        self._said_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is worth a line; called by logging."""
        error = record.exc_info[1] if record.exc_info else None
        if record.name.startswith(STRANGERS):
            record.exc_info = None
        elif record.name == "django.request" and isinstance(error, AWAY):
            record.exc_info = None
            record.msg, record.args = "%s (%s)", (record.getMessage(), error)
        event = record.msg.get("event", "") if isinstance(record.msg, dict) else record.name
        if event not in REPEATING:
            return True
        source = f"{record.name} {event}"
        if record.created - self._said_at.get(source, float("-inf")) < REPEAT_SECONDS:
            return False
        self._said_at[source] = record.created
        return True


def name_worker(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Name the worker in every line of a process that is one, of its threads too."""
    if ThisProcess.worker is not None:
        event.setdefault("worker", ThisProcess.worker)
    return event


def escape_control_characters(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Keep a record on its one line: control characters become visible escapes."""
    return {name: _escaped(value) for name, value in event.items()}


def configure(*, level: str, pretty: bool, secrets: Iterable[str]) -> None:
    """Send every log of the process to standard error; `pretty` is for a developer's eyes."""
    redact = Redactor(secrets)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        name_worker,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    last = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if pretty
        else [escape_control_characters, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[remove_meta, redact, *last]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(Calm())
    root = logging.getLogger()
    for former in [item for item in root.handlers if getattr(item, "of_tram", False)]:
        root.removeHandler(former)
    handler.of_tram = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(level)
    # They log request lines and frames at their lower levels.
    for noisy in ("httpx", "httpcore", "aiohttp", "asyncio", "daphne", "websockets"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelName(level)))


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return CONTROL_CHARACTERS.sub(_visible, value)
    if isinstance(value, dict):
        return {_escaped(key): _escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    return value


def _visible(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"
