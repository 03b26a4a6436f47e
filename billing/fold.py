"""Folding the ledger: what every balance must be, told by the transfers alone. No database here."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID


class Row(NamedTuple):
    """One transfer, as the fold reads it. `debit_kind` is the kind of the account debited."""

    id: int
    kind: str
    team_id: UUID
    debit_id: int
    credit_id: int
    amount_nano_usd: int
    pending_id: int | None
    subject: str
    overrun: bool
    debit_kind: str
    person_id: int | None = None


@dataclass(frozen=True)
class Difference:
    """Something that does not add up. `code` is stable, `where` names the row."""

    code: str
    where: str
    detail: str

    def __str__(self) -> str:
        return f"{self.code}: {self.where}: {self.detail}"


@dataclass
class Counters:
    """The four counters of an account, in nano-USD."""

    debits_pending_nano_usd: int = 0
    debits_posted_nano_usd: int = 0
    credits_pending_nano_usd: int = 0
    credits_posted_nano_usd: int = 0


@dataclass
class TeamFold:
    """What a team was granted, spent and holds, in nano-USD."""

    granted_nano_usd: int = 0
    posted_nano_usd: int = 0
    held_nano_usd: int = 0


@dataclass
class OpenHold:
    """A hold that no release has closed yet."""

    row: Row
    captured_nano_usd: int | None = None


@dataclass
class Books:
    """The result of a fold."""

    accounts: dict[int, Counters] = field(default_factory=dict)
    teams: dict[UUID, TeamFold] = field(default_factory=dict)
    open_holds: dict[int, OpenHold] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    count: int = 0

    def account(self, account_id: int) -> Counters:
        """The counters of an account, zero at first."""
        return self.accounts.setdefault(account_id, Counters())

    def team(self, team_id: UUID) -> TeamFold:
        """The figures of a team, zero at first."""
        return self.teams.setdefault(team_id, TeamFold())

    def differ(self, code: str, row: Row, detail: str) -> None:
        """Note that a row is wrong."""
        self.differences.append(
            Difference(code, f"transfer {row.id} {row.subject}".rstrip(), detail)
        )


def fold(rows: Iterable[Row]) -> Books:
    """Fold transfers in the order of their ids, checking each against those before it.

    A hold must fit what was granted; a hold has at most one capture and exactly one release, which
    gives back what was not captured; only a capture beyond its hold is flagged `overrun`.
    """
    books = Books()
    for row in rows:
        books.count += 1
        apply = _APPLY.get(row.kind)
        if apply is None or not isinstance(row.amount_nano_usd, int):
            # Only without the database's own checks; SQLite stores anything.
            books.differ("not_a_transfer", row, f"{row.kind} of {row.amount_nano_usd!r} nano-USD")
            continue
        apply(books, row)
    return books


def _grant(books: Books, row: Row) -> None:
    _post(books, row, row.amount_nano_usd)
    sign = -1 if row.debit_kind == "wallet" else 1
    books.team(row.team_id).granted_nano_usd += sign * row.amount_nano_usd


def _hold(books: Books, row: Row) -> None:
    _pend(books, row, row.amount_nano_usd)
    team = books.team(row.team_id)
    team.held_nano_usd += row.amount_nano_usd
    books.open_holds[row.id] = OpenHold(row)
    total = team.posted_nano_usd + team.held_nano_usd
    if total > team.granted_nano_usd and row.amount_nano_usd:
        detail = f"spent and held {total} of {team.granted_nano_usd} nano-USD granted"
        books.differ("over_budget", row, detail)


def _capture(books: Books, row: Row) -> None:
    _post(books, row, row.amount_nano_usd)
    books.team(row.team_id).posted_nano_usd += row.amount_nano_usd
    hold = _hold_settled_by(books, row)
    if hold is None:
        return
    if hold.captured_nano_usd is not None:
        books.differ("captured_twice", row, f"hold {row.pending_id} is captured already")
        return
    hold.captured_nano_usd = row.amount_nano_usd
    voided = min(row.amount_nano_usd, hold.row.amount_nano_usd)
    _pend(books, row, -voided)
    books.team(row.team_id).held_nano_usd -= voided
    if row.overrun != (row.amount_nano_usd > hold.row.amount_nano_usd):
        detail = f"{row.amount_nano_usd} of {hold.row.amount_nano_usd} nano-USD held"
        books.differ("overrun_flag", row, detail)


def _release(books: Books, row: Row) -> None:
    _pend(books, row, -row.amount_nano_usd)
    books.team(row.team_id).held_nano_usd -= row.amount_nano_usd
    hold = _hold_settled_by(books, row)
    if hold is None:
        return
    del books.open_holds[hold.row.id]
    left = max(0, hold.row.amount_nano_usd - (hold.captured_nano_usd or 0))
    if row.amount_nano_usd != left:
        detail = f"gives back {row.amount_nano_usd}, should be {left} nano-USD"
        books.differ("release_amount", row, detail)


def _correction(books: Books, row: Row) -> None:
    """What was spent after all (from a wallet), or was not (to it)."""
    _post(books, row, row.amount_nano_usd)
    sign = 1 if row.debit_kind == "wallet" else -1
    books.team(row.team_id).posted_nano_usd += sign * row.amount_nano_usd


def _hold_settled_by(books: Books, row: Row) -> OpenHold | None:
    hold = books.open_holds.get(row.pending_id or 0)
    if hold is None:
        books.differ("no_open_hold", row, f"{row.kind} of hold {row.pending_id}, which is not open")
    elif _parties(row) != _parties(hold.row):
        books.differ("other_hold", row, f"differs from its hold {row.pending_id}")
    return hold


def _parties(row: Row) -> tuple[object, ...]:
    return row.subject, row.team_id, row.person_id, row.debit_id, row.credit_id


def _post(books: Books, row: Row, amount_nano_usd: int) -> None:
    books.account(row.debit_id).debits_posted_nano_usd += amount_nano_usd
    books.account(row.credit_id).credits_posted_nano_usd += amount_nano_usd


def _pend(books: Books, row: Row, amount_nano_usd: int) -> None:
    books.account(row.debit_id).debits_pending_nano_usd += amount_nano_usd
    books.account(row.credit_id).credits_pending_nano_usd += amount_nano_usd


_APPLY = {
    "grant": _grant,
    "adjustment": _grant,
    "hold": _hold,
    "capture": _capture,
    "release": _release,
    "correction": _correction,
}
