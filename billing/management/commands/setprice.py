"""manage.py setprice: a new price for a model."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.errors import BillingError
from billing.money import format_usd, usd_to_nano
from billing.prices import NewPrice, set_price


class Command(BaseCommand):
    """Set what a model costs, in USD per million tokens, from now or from a date."""

    help = "Set what a model costs, in USD per million tokens, from now or from a date."

    def add_arguments(self, parser: CommandParser) -> None:
        """Prices are decimal strings; `--from` is an ISO date or time, in UTC by default."""
        parser.add_argument("model")
        parser.add_argument("--input", required=True, metavar="USD")
        parser.add_argument("--output", required=True, metavar="USD")
        parser.add_argument("--cached-input", metavar="USD")
        parser.add_argument("--reasoning", metavar="USD")
        parser.add_argument("--image", metavar="USD", help="for one image")
        parser.add_argument("--official-input", metavar="USD")
        parser.add_argument("--official-output", metavar="USD")
        parser.add_argument("--from", dest="starts", metavar="DATE")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Add the version, or say why not."""
        try:
            version = set_price(
                options["model"],
                NewPrice(
                    usd_to_nano(options["input"]),
                    usd_to_nano(options["output"]),
                    _optional(options["cached_input"]),
                    _optional(options["official_input"]),
                    _optional(options["official_output"]),
                    _optional(options["reasoning"]),
                    _optional(options["image"]),
                ),
                starts_at=_moment(options["starts"]),
            )
        except BillingError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{version.model}: {format_usd(version.input_nano_usd_per_million)} in, "
            f"{format_usd(version.output_nano_usd_per_million)} out, per million tokens, "
            f"from {version.starts_at:%Y-%m-%d %H:%M} UTC."
        )


def _optional(usd: str | None) -> int | None:
    return None if usd is None else usd_to_nano(usd)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise CommandError(f"--from: {text!r} is not a date such as 2026-12-01.") from None
