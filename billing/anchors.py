"""Anchors: what the ledger's chain was on each day, written outside the database.

A line of JSON for each team and day names the number and the mac of its newest transfer, sealed
with a key of the ledger. Whoever can change the database, and even sign, cannot change what stands
on another machine's disk. The files are only ever appended to, one a month.
"""

import contextlib
import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db.models import OuterRef, Subquery

from accounts.models import Team
from billing import chain
from billing.errors import AnchorsNotWritten
from billing.fold import Difference
from billing.models import Transfer

FILES = "[0-9][0-9][0-9][0-9]-[0-9][0-9].jsonl"
OPENING = b'{"day":'
STALE_DAYS = 2
"""A newest anchor that is older is remarked on."""


@dataclass(frozen=True)
class Anchor:
    """The number and mac of a team's newest transfer on a day (UTC)."""

    day: date
    team_id: UUID
    number: int
    mac: str


@dataclass
class AnchorsRead:
    """All anchors that are sealed rightly, by team and number, and what is odd about the rest."""

    of_teams: dict[UUID, dict[int, Anchor]] = field(default_factory=dict)
    days: set[date] = field(default_factory=set)
    newest_of_teams: dict[UUID, Anchor] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def contradicts(self, anchor: Anchor) -> bool:
        """Take one in; True if another one says differently of the same number."""
        self.days.add(anchor.day)
        newest = self.newest_of_teams.get(anchor.team_id, anchor)
        if (anchor.day, anchor.number) >= (newest.day, newest.number):
            self.newest_of_teams[anchor.team_id] = anchor
        known = self.of_teams.setdefault(anchor.team_id, {}).setdefault(anchor.number, anchor)
        return known.mac != anchor.mac


def write_anchors(only_first_of_day: bool = False) -> int:
    """Append an anchor for each team that has none of today with its newest transfer.

    `only_first_of_day`: does nothing where this folder has one of today. Returns how many lines
    were written. Raises AnchorsNotWritten.
    """
    today = today_utc()
    try:
        month = f"{today:%Y-%m}.jsonl"
        known = read_anchors(month)
        # Not by the newest: a clock that was ahead for an hour would end the anchors for days.
        if only_first_of_day and today in known.days:
            return 0
        # Of committed rows only: what is rolled back must not have been anchored.
        anchors = [
            each for each in _newest(today) if known.newest_of_teams.get(each.team_id) != each
        ]
        if anchors:
            _append(folder() / month, anchors)
    except OSError as error:
        raise AnchorsNotWritten(
            f"The anchors cannot be written to {folder()}: {error.strerror or error}."
        ) from error
    return len(anchors)


def read_anchors(files: str = FILES) -> AnchorsRead:
    """Read the anchors of the folder. Never fails: what cannot be read is told."""
    found = AnchorsRead()
    keys = chain.keys_by_id()
    for path in sorted(folder().glob(files)):
        try:
            lines = path.read_bytes().splitlines(keepends=True)
        except OSError as error:
            detail = f"cannot be read: {error.strerror or error}"
            found.differences.append(Difference("anchor_file", path.name, detail))
            continue
        for place, line in enumerate(lines, start=1):
            _read_line(found, f"{path.name} line {place}", line, keys)
    return found


def age_note(found: AnchorsRead) -> Iterator[str]:
    """A remark where nothing was anchored for too long."""
    today = today_utc()
    # A day to come, left by a clock that was ahead, says nothing of today.
    newest_day = max((day for day in found.days if day <= today), default=None)
    if newest_day is None:
        yield f"Nothing is anchored in {folder()}: let anchorledger run every day."
    elif (age := (today - newest_day).days) > STALE_DAYS:
        yield f"The newest anchor is {age} days old: let anchorledger run every day."


def folder() -> Path:
    """Where the anchors are kept."""
    return Path(settings.LEDGER_ANCHORS_DIR)


def today_utc() -> date:
    """The day of an anchor that is written now."""
    return datetime.now(UTC).date()


def line_of(anchor: Anchor, key: bytes) -> bytes:
    """An anchor as a line of its file, sealed with `key`."""
    facts: dict[str, str | int] = {
        "day": anchor.day.isoformat(),
        "team": str(anchor.team_id),
        "number": anchor.number,
        "mac": anchor.mac,
        "key_id": chain.id_of(key),
    }
    seal = hmac.new(key, b"anchor:" + _json(facts), hashlib.sha256).hexdigest()
    return _json(facts | {"seal": seal})


def _json(facts: dict[str, str | int]) -> bytes:
    return json.dumps(facts, separators=(",", ":")).encode()


def _newest(today: date) -> Iterator[Anchor]:
    newest = Transfer.objects.filter(team_id=OuterRef("pk")).order_by("-number")
    rows = Team.objects.annotate(
        number=Subquery(newest.values("number")[:1]), newest_mac=Subquery(newest.values("mac")[:1])
    ).filter(number__isnull=False)
    for team_id, number, mac in rows.order_by("pk").values_list("pk", "number", "newest_mac"):
        yield Anchor(today, team_id, number, mac)


def _append(path: Path, anchors: list[Anchor]) -> None:
    (key, *_older) = chain.keys()
    text = b"".join(line_of(each, key) + b"\n" for each in anchors)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        if file.seek(0, os.SEEK_END) and not _ends_with_newline(file.fileno()):
            # A line that a crash left half written stays one, and spoils no other.
            text = b"\n" + text
        while text:
            text = text[file.write(text) or 0 :]
        os.fsync(file.fileno())
    if is_new:
        _sync_folder(path.parent)


def _ends_with_newline(descriptor: int) -> bool:
    os.lseek(descriptor, -1, os.SEEK_END)
    return os.read(descriptor, 1) == b"\n"


def _sync_folder(path: Path) -> None:
    # A folder cannot be opened so everywhere.
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _read_line(found: AnchorsRead, place: str, line: bytes, keys: dict[str, bytes]) -> None:
    text = line.rstrip(b"\r\n")
    if text.startswith(OPENING[: len(text)]) and not text.endswith(b"}"):
        if text:
            found.notes.append(
                f"Anchor {place} is half written, as a crash leaves it: it is not read."
            )
        return
    anchor, key_id = _parsed(text)
    if anchor is None:
        found.differences.append(Difference("anchor_line", place, "cannot be read"))
    elif key_id not in keys:
        detail = f"sealed by a key ({key_id}) that is not in LEDGER_KEYS"
        found.differences.append(Difference("anchor_key", place, detail))
    elif not hmac.compare_digest(line_of(anchor, keys[key_id]), text):
        detail = "was changed: its seal does not fit"
        found.differences.append(Difference("anchor_line", place, detail))
    elif found.contradicts(anchor):
        detail = f"says otherwise of number {anchor.number} of {anchor.team_id} than a line before"
        found.differences.append(Difference("anchor_line", place, detail))


def _parsed(text: bytes) -> tuple[Anchor | None, str]:
    try:
        facts = json.loads(text)
        day = date.fromisoformat(facts["day"])
        anchor = Anchor(day, UUID(facts["team"]), int(facts["number"]), str(facts["mac"]))
        return anchor, str(facts["key_id"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return None, ""
