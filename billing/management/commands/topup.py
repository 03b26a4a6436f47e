"""manage.py topup: credit for money that was paid."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.budgets import budget_of
from billing.errors import BillingError
from billing.management.commands.grantcredit import find_team
from billing.money import format_usd
from billing.topups import Currency, top_up


class Command(BaseCommand):
    """Give a team credit for an amount that was paid, in USD or CNY."""

    help = "Give a team credit for an amount that was paid, in USD or CNY."

    def add_arguments(self, parser: CommandParser) -> None:
        """The team is named by its name or its id; the same key again gives nothing again."""
        parser.add_argument("team")
        parser.add_argument("amount")
        parser.add_argument("--currency", choices=[*Currency], default=Currency.USD)
        parser.add_argument("--note", default="")
        parser.add_argument("--key", default="", help="such as the number of the payment")

    def handle(self, *_args: Any, team: str, amount: str, **options: Any) -> None:
        """Write the transfer, or say why not."""
        try:
            found = find_team(team)
            transfer = top_up(
                team_id=found.pk,
                amount=amount,
                currency=Currency(options["currency"]),
                note=options["note"],
                idempotency_key=options["key"],
            )
        except BillingError as error:
            raise CommandError(str(error)) from error
        left = budget_of(found.pk).remaining_nano_usd
        credit = format_usd(transfer.amount_nano_usd)
        self.stdout.write(f"{found.name}: {credit}; {format_usd(left)} left.")
