"""What happened in a run, with virtual times: to be read by people, and hashed to compare runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from django.db import DatabaseError

MOST_CHARACTERS = 150
EXPECTED = {"turns_not_settled", "turn_not_recovered"}
"""What is logged as an error, and may come from the faults of a run."""


class Trace:
    """Lines of one run."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._digest = hashlib.sha256()
        self.lines: list[str] = []
        # What the product itself logged as an error.
        self.errors: list[str] = []

    def note(self, who: str, what: str) -> None:
        """Something happened."""
        line = f"{self._now():9.4f}  {who:<9} {what}"
        self._digest.update(line.encode())
        self.lines.append(line if len(line) <= MOST_CHARACTERS else line[:MOST_CHARACTERS] + "…")

    def take_log(self, _logger: object, method: str, event: Mapping[str, Any]) -> str:
        """A processor of structlog's: what the product logs belongs to the trace."""
        error = event.get("exc_info")
        facts = {key: value for key, value in event.items() if key not in ("event", "exc_info")}
        line = f"{method}: {event.get('event')} {facts or ''}"
        # That the database fails is no fault of the product's.
        expected = isinstance(error, DatabaseError) or event.get("event") in EXPECTED
        if method in ("error", "exception", "critical") and not expected:
            self.errors.append(f"{self._now():.4f} {line} {error!r}")
        self.note("log", line)
        return ""

    @property
    def digest(self) -> str:
        """The same for runs in which the same happened at the same times."""
        return self._digest.hexdigest()

    def __str__(self) -> str:
        return "\n".join(self.lines)
