"""`manage.py reconcile`: hold a relay's bill, or its totals, against the turns."""

import asyncio
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_date, parse_datetime

from billing.errors import BillingError
from billing.management.commands.grantcredit import find_team
from billing.models import Cause, ReconciliationRun
from billing.money import format_usd
from billing.reconciliation_bills import MAX_BILL_BYTES, Bill
from billing.reconciliation_runs import Asked, Outcome
from chat.relay.client import RelayClient
from chat.relay.errors import RelayError
from chat.relay.settings import RelaySettings
from chat.services.reconciling import read_bill_of, reconcile_relay, reconcile_totals
from chat.turns.relays.checking import candidates
from chat.turns.relays.configured import embedded_beside

SETTLES_WITHIN = timedelta(minutes=15)
"""A turn is known only once it has ended: what is younger is left to the next run."""
FETCH_SECONDS = 60
FINDINGS_SHOWN = 20


class Command(BaseCommand):
    """Compares and corrects. Exit status 0: all is confirmed, corrected or within the rounding; 1:
    something is left to look at, or the bill is refused."""

    help = (
        "Hold a relay's bill against the turns of a time, name every difference, and correct what "
        "the teams paid by transfers. Running it again changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--relay", required=True, help="the relay's name")
        parser.add_argument("--since", required=True, help="a day or a time, UTC unless it says so")
        parser.add_argument("--until", default="", help="the same; a quarter of an hour ago")
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--bill", help="the relay's bill, as CSV or JSON lines")
        source.add_argument("--log-url", help="where the relay gives it, such as …/demo/log")
        source.add_argument(
            "--totals",
            action="store_true",
            help="compare with the relay's /usage; corrects nothing",
        )
        parser.add_argument("--team", help="only this team's turns, by name or id")
        parser.add_argument("--dry-run", action="store_true", help="correct nothing")
        parser.add_argument(
            "--complete", action="store_true", help="the bill lacks so much because it should"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Compare, print both sides, the findings and the corrections."""
        since = _moment(options["since"])
        until = _moment(options["until"]) if options["until"] else _now() - SETTLES_WITHIN
        try:
            if options["totals"]:
                told = asyncio.run(_told_by(_settings_of(options["relay"])))
                self._print_totals(reconcile_totals(options["relay"], since, until, told), told)
                return
            team = find_team(options["team"]) if options["team"] else None
            outcome = reconcile_relay(
                Asked(
                    relay=options["relay"],
                    since=since,
                    until=until,
                    bill=_bill(options),
                    dry_run=options["dry_run"],
                    team_id=team.pk if team else None,
                    complete=options["complete"],
                )
            )
        except BillingError as error:
            raise CommandError(str(error)) from error
        self._print(outcome)
        if outcome.open_findings:
            raise CommandError(f"{outcome.open_findings} findings are left to look at.")

    def _print(self, outcome: Outcome) -> None:
        run, ours, theirs = outcome.run, outcome.comparison.ours, outcome.comparison.theirs
        self.stdout.write(f"Run {run.pk}: {run.get_state_display()}.")
        for name, side in (("ours", ours), ("the relay's", theirs)):
            cost = format_usd(side.nano_usd)
            self.stdout.write(
                f"{name:12}{side.requests:>10,} requests{side.tokens:>16,} tokens  {cost}"
            )
        difference = format_usd(theirs.nano_usd - ours.nano_usd)
        self.stdout.write(f"Difference: {difference}; {run.matched:,} requests agree.")
        for cause, count in outcome.comparison.causes.items():
            self.stdout.write(f"{count:>10,} {cause}: {Cause(cause).label}")
        for row in run.findings.exclude(cause=Cause.ROUNDING).order_by("id")[:FINDINGS_SHOWN]:
            amounts = f"{format_usd(row.ours_nano_usd)} → {format_usd(row.theirs_nano_usd)}"
            named = row.subject or row.reference
            self.stdout.write(f"  {row.at:%Y-%m-%d %H:%M:%S} {row.cause} {named}: {amounts}")
        corrected = format_usd(run.corrected_nano_usd)
        self.stdout.write(f"Corrected what {len(outcome.corrected):,} turns cost, by {corrected}.")
        left = format_usd(outcome.left_nano_usd)
        self.stdout.write(f"Left between the relay's bill and the books: {left}.")

    def _print_totals(self, run: ReconciliationRun, told: dict[str, int | str]) -> None:
        self.stdout.write(
            f"Run {run.pk}: {run.since:%Y-%m-%d %H:%M} to {run.until:%Y-%m-%d %H:%M}."
        )
        cost = format_usd(run.ours_nano_usd)
        self.stdout.write(f"ours        {run.ours_tokens:>16,} tokens  {cost}")
        self.stdout.write(f"the relay's {run.theirs_tokens:>16,} tokens")
        self.stdout.write(f"Difference: {run.theirs_tokens - run.ours_tokens:,} tokens.")
        for name, value in told.items():
            self.stdout.write(f"The relay says: {name} {value}")


def _bill(options: dict[str, Any]) -> Bill:
    if options["bill"]:
        path = Path(options["bill"])
        try:
            with path.open("rb") as file:
                # One more than is taken, so that a longer one is refused and not cut.
                content = file.read(MAX_BILL_BYTES + 1)
        except OSError as error:
            raise CommandError(f"The bill cannot be read: {error.strerror}.") from error
        return read_bill_of(options["relay"], content, path.name)
    url = options["log_url"]
    return read_bill_of(options["relay"], _fetched(url), urlsplit(url).path)


def _fetched(url: str) -> bytes:
    content = bytearray()
    try:
        with httpx.stream("GET", url, timeout=FETCH_SECONDS, trust_env=False) as response:
            response.raise_for_status()
            for part in response.iter_bytes():
                content += part
                if len(content) > MAX_BILL_BYTES:
                    break
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CommandError(f"The relay's log cannot be had: {error}") from error
    return bytes(content)


def _settings_of(relay: str) -> RelaySettings:
    for each in candidates():
        if each.name == relay and each.settings is not None:
            return each.settings
    for found in embedded_beside():
        if found.name == relay:
            return found
    raise CommandError(f"No relay that can be asked is called {relay}.")


async def _told_by(settings: RelaySettings) -> dict[str, int | str]:
    client = RelayClient(settings)
    try:
        account = await client.usage()
    except RelayError as error:
        raise CommandError(f"The relay does not tell its totals: {error}") from error
    finally:
        await client.aclose()
    if account.total_usage is None or account.total_usage < 0:
        raise CommandError("The relay does not tell its totals.")
    told: dict[str, int | str] = {"total_usage": int(account.total_usage)}
    if account.total_granted is not None:
        told["total_granted"] = int(account.total_granted)
    for name in ("total_available", "balance"):
        if isinstance(value := account.other.get(name), int | float | str):
            told[name] = str(value)[:40]
    return told


def _moment(text: str) -> datetime:
    try:
        day = parse_date(text) if len(text) == 10 else None
        moment = datetime(day.year, day.month, day.day) if day else parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"{text!r} is not a day or a time such as 2026-11-01.")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _now() -> datetime:
    return datetime.now(UTC)
