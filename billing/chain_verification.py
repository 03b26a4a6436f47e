"""Verifying the chain: each team's transfers in the order of their numbers, mac by mac.

Of each team the first row that does not fit is named; the rows behind it are only counted. The mac
that a row is held against is the one stored before it, so that one changed row is one difference.
"""

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from billing import chain
from billing.anchors import Anchor
from billing.chain_rows import Counted, chained_rows, counted_accounts, is_number
from billing.fold import Difference
from billing.models import AccountKind, Transfer

ROWS_AT_ONCE = 2000
Anchors = Mapping[UUID, Mapping[int, Anchor]]


@dataclass
class TeamWalk:
    """Where the walk through one team's transfers is."""

    team_id: UUID
    anchors: dict[int, Anchor]
    number: int = 0
    row_id: int = 0
    mac: str = ""
    entries: dict[int, int] = field(default_factory=dict)
    """How many entries of each of its accounts were seen."""
    first: Difference | None = None
    first_row_id: int | None = None
    more: int = 0
    anchor: Difference | None = None

    def take(self, row: Transfer, shared: frozenset[int], keys: Mapping[str, bytes]) -> None:
        """Hold the next row against those before it. `shared`: accounts of no team, which others
        number too."""
        wrong = self._wrong(row, shared, keys)
        if wrong is not None and self.first is None:
            self.first, self.first_row_id = Difference(wrong[0], _place(row), wrong[1]), row.pk
        elif wrong is not None:
            self.more += 1
        self._hold_against_anchor(row)
        self.row_id, self.mac = row.pk, row.mac
        if is_number(row.number):
            self.number = row.number
        for account_id, entry in _entries_of(row).items():
            if is_number(entry):
                self.entries[account_id] = max(entry, self.entries.get(account_id, 0))

    def differences(self) -> Iterator[Difference]:
        """What was found in this team, once all its rows were taken."""
        if self.first is not None:
            behind = f"; rows behind it that do not fit either: {self.more}" if self.more else ""
            yield Difference(self.first.code, self.first.where, self.first.detail + behind)
        for number in sorted(self.anchors):
            if self.anchor is None:
                # What is left was met by no row.
                there = f"the last one there is {self.number}" if self.number else "none is there"
                detail = f"was there on {self.anchors[number].day}, and is gone; {there}"
                self.anchor = Difference("anchor", f"number {number} of {self.team_id}", detail)
        if self.anchor is not None:
            yield self.anchor

    def _wrong(
        self, row: Transfer, shared: frozenset[int], keys: Mapping[str, bytes]
    ) -> tuple[str, str] | None:
        if not is_number(row.number):
            return "chain_mac", "its number is none"
        if row.number > self.number + 1:
            return "chain_gap", f"{_span(self.number + 1, row.number - 1)} missing before it"
        if row.number < self.number + 1:
            return "chain_order", "another row before it has its number"
        if row.key_id not in keys:
            return "chain_key", f"signed by a key ({row.key_id}) that is not in LEDGER_KEYS"
        if not _fits(row, self.mac, keys[row.key_id]):
            return "chain_mac", "its mac does not fit: it was changed, put in, or moved"
        if row.pk <= self.row_id:
            return "chain_order", f"its id is below that of the row before it, {self.row_id}"
        if self.first is not None:
            # Entries may be off in consequence.
            return None
        for account_id, entry in _entries_of(row).items():
            expected = self.entries.get(account_id, 0) + 1
            if account_id not in shared and entry != expected:
                return "chain_entry", f"entry {entry} of account {account_id}, should be {expected}"
        return None

    def _hold_against_anchor(self, row: Transfer) -> None:
        anchor = self.anchors.pop(row.number, None)
        if anchor is not None and anchor.mac != row.mac and self.anchor is None:
            detail = f"is not the row that was there on {anchor.day}: it was written anew"
            self.anchor = Difference("anchor", _place(row), detail)


def chain_differences(anchors: Anchors) -> Iterator[Difference]:
    """What contradicts the chain: in the rows of each team, in their accounts, in the anchors."""
    keys = chain.keys_by_id()
    accounts = list(counted_accounts())
    shared = frozenset(each.id for each in accounts if each.kind == AccountKind.FUNDING)
    waiting = {team_id: dict(numbers) for team_id, numbers in anchors.items()}
    entries: dict[int, int] = {}
    named: set[int] = set()
    for walk in _walks(waiting, shared, keys):
        yield from walk.differences()
        if walk.first_row_id is not None:
            named.add(walk.first_row_id)
        for account_id, count in walk.entries.items():
            entries[account_id] = max(count, entries.get(account_id, 0))
    for team_id, numbers in waiting.items():
        yield from TeamWalk(team_id, numbers).differences()
    for account_id in sorted(shared):
        yield from _shared_differences(account_id, named)
    yield from _tail_differences(accounts, entries, exact=not named)


def _walks(
    waiting: dict[UUID, dict[int, Anchor]], shared: frozenset[int], keys: Mapping[str, bytes]
) -> Iterator[TeamWalk]:
    """A finished walk for each team that has transfers."""
    walk: TeamWalk | None = None
    for row in chained_rows():
        if walk is None or walk.team_id != row.team_id:
            if walk is not None:
                yield walk
            walk = TeamWalk(row.team_id, waiting.pop(row.team_id, {}))
        walk.take(row, shared, keys)
    if walk is not None:
        yield walk


def _shared_differences(account_id: int, named: set[int]) -> Iterator[Difference]:
    """The first entry of an account of no team that is not one more than the entry before it."""
    rows = Transfer.objects.order_by()
    debits = rows.filter(debit_id=account_id).values_list("debit_entry", "id", "number")
    credits = rows.filter(credit_id=account_id).values_list("credit_entry", "id", "number")
    last_entry = last_id = 0
    both = debits.union(credits, all=True)
    for entry, row_id, number in both.order_by("debit_entry", "id"):
        if entry != last_entry + 1 or row_id <= last_id:
            if row_id not in named:
                detail = f"entry {entry} of the funding account comes after entry {last_entry}"
                where = f"transfer {row_id}, number {number} of its team"
                yield Difference("chain_entry", where, detail)
            return
        last_entry, last_id = entry, row_id


def _tail_differences(
    accounts: list[Counted], entries: Mapping[int, int], exact: bool
) -> Iterator[Difference]:
    """Each account counted as many entries as its transfers have. `exact` says that no row is
    wrong: else only what is missing at the end is told, for the rest may follow from that row."""
    short: set[UUID | None] = set()
    for account in sorted(accounts, key=lambda each: each.kind != AccountKind.WALLET):
        last = entries.get(account.id, 0)
        if not is_number(account.entries):
            detail = f"counts {account.entries!r} entries, should be {last}"
            yield Difference("chain_entry", _owner(account), detail)
            continue
        if account.entries == last or (account.entries < last and not exact):
            continue
        if account.team_id is not None and account.team_id in short:
            continue
        short.add(account.team_id)
        if account.entries > last:
            detail = f"{_span(last + 1, account.entries)} missing at the end"
            code = "chain_tail"
        else:
            code, detail = "chain_entry", f"counts {account.entries} entries, should be {last}"
        yield Difference(code, _owner(account), detail)


def _owner(account: Counted) -> str:
    return f"{account.kind} of {account.team_id or 'no team'}"


def _fits(row: Transfer, previous_mac: str, key: bytes) -> bool:
    try:
        told = chain.mac_of(row, previous_mac, key)
        return hmac.compare_digest(told.encode(), row.mac.encode())
    except (AttributeError, TypeError, ValueError, OverflowError):
        # A moment or mac that is none, or bytes: SQLite stores anything.
        return False


def _entries_of(row: Transfer) -> dict[int, int]:
    return {row.debit_id: row.debit_entry, row.credit_id: row.credit_entry}


def _place(row: Transfer) -> str:
    subject = f", {row.subject}" if row.subject else ""
    return f"transfer {row.pk}, number {row.number} of {row.team_id}{subject}"


def _span(first: int, last: int) -> str:
    return f"number {first} is" if first == last else f"numbers {first} to {last} are"
