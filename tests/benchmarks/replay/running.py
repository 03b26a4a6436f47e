"""The whole replay: play, tie out, reconcile a clean month and a false one, tie out again."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from django.test.utils import override_settings

from billing.models import Settlement
from billing.reconciliation_bills import Bill
from billing.reconciliation_ours import ours_at
from billing.reconciliation_runs import Asked, Outcome, reconcile
from billing.statements import Statement, statement
from billing.usage_folding import rebuild
from billing.verification import verify
from billing.zones import zones
from tests.benchmarks.replay.bills import RelayBill, clean, planted, without_strangers
from tests.benchmarks.replay.books import Books
from tests.benchmarks.replay.clock import DatabaseClock, database_clock
from tests.benchmarks.replay.plan import RELAYS, SINCE, UNTIL, plan
from tests.benchmarks.replay.playing import Player
from tests.benchmarks.replay.tying import spent, tie_out

BOOKED = datetime(2025, 11, 10, 9, tzinfo=UTC)
"""When the bills came and were reconciled: after the month and the turns."""
OCTOBER = date(2025, 10, 1)


@dataclass
class Report:
    """Lines, told as they come, and everything that does not tie out."""

    tell: Callable[[str], object] = field(default=str)
    lines: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        """Keep a line, and tell it."""
        self.lines.append(line)
        self.tell(line)

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Tell how long this process had the processor for it."""
        began = time.process_time()
        yield
        self.say(f"{what}: {time.process_time() - began:.1f} s of this process's CPU")


def run(turns: int, seed: int, plants: int, tell: Callable[[str], object] = str) -> Report:
    """Play so many turns into an empty database, and say what came of it."""
    report, books = Report(tell), Books()
    # Each team begins with nothing.
    with override_settings(SIGNUP_CREDIT_USD="0"), database_clock() as clock:
        player = Player(clock, books)
        with report.timed(f"{turns:,} turns played"):
            player.play(plan(turns, seed))
        for name, count in sorted(player.counts.items()):
            report.say(f"  {count:>9,} {name}")
        report.wrong += player.mismatches
        _tie(report, player, books, "as settled")
        _reconcile_all(report, player, books, clock, (seed, plants))
        _tie(report, player, books, "as reconciled")
    return report


def _tie(report: Report, player: Player, books: Books, when: str) -> None:
    with report.timed(f"tied out {when}"):
        wrong = [f"{when}: {each}" for each in tie_out(player, books)]
        for zone in zones():
            rebuild(zone)
        wrong += [f"{when}, folded: {each}" for each in tie_out(player, books)]
    report.say(f"  {spent(books):,} nano-USD spent; {len(wrong)} figures differ")
    with report.timed(f"verifyledger {when}"):
        # A test's database lets itself be emptied.
        found = [each for each in verify().differences if each.code != "guard_missing"]
    report.say(f"  {len(found)} differences")
    report.wrong += wrong + [str(each) for each in found]


def _reconcile_all(
    report: Report, player: Player, books: Books, clock: DatabaseClock, how: tuple[int, int]
) -> None:
    clock.set(BOOKED)
    seed, plants = how
    october = _octobers(player)
    mended = []
    for relay in RELAYS:
        bill = clean(books, relay, seed)
        with report.timed(f"{relay}: a clean month compared"):
            _check(report, player, bill, "clean", dry_run=True)
        false = planted(books, bill, plants, seed)
        with report.timed(f"{relay}: {plants} of each difference planted"):
            outcome = _check(report, player, false, "planted", dry_run=False)
        _book(books, false, outcome)
        mended.append(false)
    for false in mended:
        _check_again(report, player, books, false)
    report.wrong += _unreconciled(books, mended)
    if _octobers(player) != october:
        report.wrong.append("a statement of the month before changed")


def _octobers(player: Player) -> list[Statement]:
    return [statement(team, OCTOBER, zone) for team in player.teams for zone in zones()]


def _asked(player: Player, bill: RelayBill, *, dry_run: bool) -> Outcome:
    ours = ours_at(bill.relay, player.attempts(bill.relay))
    asked = Asked(bill.relay, SINCE, UNTIL, Bill(bill.lines, ""), dry_run=dry_run)
    return reconcile(asked, ours)


def _check(report: Report, player: Player, bill: RelayBill, what: str, *, dry_run: bool) -> Outcome:
    """Every finding is wanted and named by its cause, and everything wanted is found."""
    outcome = _asked(player, bill, dry_run=dry_run)
    wanted = {(f"turn:{number:07}", index): cause for (number, index), cause in bill.wanted.items()}
    strange = {row.line for row in bill.strange}
    false = missed = 0
    for each in outcome.comparison.findings:
        place = each.ours and (each.ours.subject, each.ours.attempt)
        if place and wanted.pop(place, "") == each.cause:
            continue
        if each.cause == "lost_row" and each.theirs and each.theirs.line in strange:
            strange.discard(each.theirs.line)
            continue
        false += 1
        report.wrong.append(f"{bill.relay}, {what}: {each.cause} was not planted: {each}")
    missed = len(wanted) + len(strange)
    report.wrong += [f"{bill.relay}, {what}: {cause} at {at}" for at, cause in wanted.items()]
    report.wrong += [f"{bill.relay}, {what}: lost row {line}" for line in strange]
    compared = outcome.comparison.theirs.requests
    report.say(f"  {compared:,} rows; found {outcome.comparison.causes or 'nothing'}")
    report.say(f"  {false} falsely, {missed} missed")
    return outcome


def _book(books: Books, bill: RelayBill, outcome: Outcome) -> None:
    """Correct the reckoning too: all of a turn's wanted tries, if one is more than a rounding."""
    turns: dict[int, list[int]] = {}
    for number, index in bill.wanted:
        turns.setdefault(number, []).append(index)
    for number, indexes in turns.items():
        if {bill.wanted[number, index] for index in indexes} <= {"rounding"}:
            continue
        entry, more = books.entries[number], 0
        for index in indexes:
            row = bill.rows.get((number, index))
            theirs = 0 if row is None else row.cost_nano_usd or 0
            more += theirs - entry.ours[index]
            entry.ours[index] = theirs
        books.correct(entry, BOOKED, more)
        for index in indexes:
            del bill.wanted[number, index]


def _check_again(report: Report, player: Player, books: Books, false: RelayBill) -> None:
    """What was corrected is found no more; once the relay has mended its bill nothing is left."""
    _check(report, player, false, "again", dry_run=False)
    outcome = _check(report, player, without_strangers(false), "mended", dry_run=False)
    off = [
        abs(books.entries[number].ours[index] - (row.cost_nano_usd or 0))
        for (number, index), row in false.rows.items()
        if books.entries[number].turn.tries[index].estimated and SINCE <= row.at < UNTIL
    ]
    report.say(f"  {len(off):,} estimates are off by {max(off, default=0)} nano-USD at most")
    if outcome.open_findings:
        report.wrong.append(f"{false.relay}: {outcome.open_findings} findings are left")


def _unreconciled(books: Books, bills: list[RelayBill]) -> Iterator[str]:
    """Every turn of the month whose tries are all on the bills, whosever, is reconciled."""
    rows = {(number, index) for bill in bills for number, index in bill.rows}
    known = dict(Settlement.objects.values_list("subject", "quality"))
    edge = timedelta(minutes=5)
    for number, entry in books.entries.items():
        turn = entry.turn
        paid = [(number, index) for index, each in enumerate(turn.tries) if each.billed]
        inside = SINCE + edge < turn.began and turn.ended < UNTIL - edge
        on_bills = entry.settled and inside and paid and rows.issuperset(paid)
        if on_bills and known[turn.subject] != "reconciled":
            yield f"{turn.subject} is on the bills and {known[turn.subject]}"
