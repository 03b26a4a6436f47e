"""manage.py importprices: add the prices of a CSV file."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.errors import BillingError
from billing.money import format_usd
from billing.price_book import MAX_BYTES, import_book, plan_import


class Command(BaseCommand):
    """Add each price of a CSV file that says something new, or none if a line is wrong."""

    help = "Add each price of a CSV file that says something new, or none if a line is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        """`--dry-run` adds nothing."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="say what would be added")

    def handle(self, *_args: Any, file: Path, dry_run: bool, **_options: Any) -> None:
        """Print each price that is added."""
        try:
            with file.open("rb") as book:
                # One more than is taken, so that a longer one is refused and not cut.
                data = book.read(MAX_BYTES + 1)
            plan = plan_import(data) if dry_run else import_book(data)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}.") from error
        except BillingError as error:
            raise CommandError(str(error)) from error
        for line in plan.added:
            since = f"{line.starts_at:%Y-%m-%d %H:%M} UTC" if line.starts_at else "now"
            price_in = format_usd(line.price.input_nano_usd_per_million)
            price_out = format_usd(line.price.output_nano_usd_per_million)
            self.stdout.write(f"{line.model}: {price_in} in, {price_out} out, from {since}.")
        would = "would be added" if dry_run else "added"
        self.stdout.write(f"{len(plan.added)} {would}, {plan.unchanged} unchanged.")
