"""manage.py trialprice: what past turns would have cost at another price or markup."""

from datetime import UTC, date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.errors import BillingError
from billing.management.commands.grantcredit import find_team
from billing.markups import percent_to_basis_points
from billing.money import format_usd, usd_to_nano
from billing.price_trial import Trial, Tried, try_on
from billing.prices import NewPrice, check_price


class Command(BaseCommand):
    """Say what past turns would have cost at another price or markup. Nothing is changed."""

    help = "Say what past turns would have cost at another price or markup. Nothing is changed."

    def add_arguments(self, parser: CommandParser) -> None:
        """Prices in USD per million tokens; days in UTC, both included."""
        parser.add_argument("model", nargs="?", default="")
        for name in ("input", "output", "cached-input", "reasoning", "image"):
            parser.add_argument(f"--{name}", metavar="USD")
        parser.add_argument("--markup", metavar="PERCENT")
        parser.add_argument("--team")
        parser.add_argument("--since", required=True, metavar="DATE")
        parser.add_argument("--until", metavar="DATE")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print a line for each model and one for all."""
        try:
            result = try_on(_trial(options))
        except BillingError as error:
            raise CommandError(str(error)) from error
        for line in result.models:
            self.stdout.write(_said(line.model, line))
        self.stdout.write(_said("In all", result.total))


def _trial(options: dict[str, Any]) -> Trial:
    price, model = _price(options), options["model"]
    if price is not None and model:
        check_price(model, price, None)
    markup = options["markup"]
    return Trial(
        first=_day("--since", options["since"]),
        last=_day("--until", options["until"]) if options["until"] else datetime.now(UTC).date(),
        model=model,
        team_id=find_team(options["team"]).pk if options["team"] else None,
        price=price,
        markup_basis_points=None if markup is None else percent_to_basis_points(markup),
    )


def _price(options: dict[str, Any]) -> NewPrice | None:
    names = ("input", "output", "cached_input", "reasoning", "image")
    if all(options[name] is None for name in names):
        return None
    if options["input"] is None or options["output"] is None:
        raise CommandError("A price has --input and --output.")
    usd = {name: None if options[name] is None else usd_to_nano(options[name]) for name in names}
    return NewPrice(
        usd["input"] or 0,
        usd["output"] or 0,
        cached_input_nano_usd_per_million=usd["cached_input"],
        reasoning_nano_usd_per_million=usd["reasoning"],
        image_nano_usd=usd["image"],
    )


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{option}: {text!r} is not a date such as 2026-11-01.") from None


def _said(name: str, line: Tried) -> str:
    percent = "" if line.difference_percent is None else f" ({line.difference_percent:+} %)"
    more = "+" if line.difference_nano_usd > 0 else ""
    return (
        f"{name}: {line.turns} turns, {format_usd(line.now_nano_usd)} now, "
        f"{format_usd(line.then_nano_usd)} then, "
        f"{more}{format_usd(line.difference_nano_usd)}{percent}; at the relay "
        f"{format_usd(line.relay_now_nano_usd)} now, {format_usd(line.relay_then_nano_usd)} then."
    )
