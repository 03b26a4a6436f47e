"""manage.py grantcredit: give a team credit."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Team
from billing.budgets import budget_of, grant_credit
from billing.errors import BillingError, TeamAmbiguous, TeamUnknown
from billing.money import format_usd, usd_to_nano


class Command(BaseCommand):
    """Give a team credit in USD; a negative amount takes some back."""

    help = "Give a team credit in USD; a negative amount takes some back."

    def add_arguments(self, parser: CommandParser) -> None:
        """The team is named by its name or its id."""
        parser.add_argument("team")
        parser.add_argument("usd")
        parser.add_argument("--note", default="grantcredit")

    def handle(self, *_args: Any, team: str, usd: str, note: str, **_options: Any) -> None:
        """Write the transfer, or say why not."""
        try:
            found = find_team(team)
            amount_nano_usd = usd_to_nano(usd)
            grant_credit(team_id=found.pk, amount_nano_usd=amount_nano_usd, note=note[:200])
        except BillingError as error:
            raise CommandError(str(error)) from error
        left = budget_of(found.pk).remaining_nano_usd
        self.stdout.write(f"{found.name}: {format_usd(amount_nano_usd)}; {format_usd(left)} left.")


def find_team(name_or_id: str) -> Team:
    """The team of that id, or else of that name. TeamUnknown, TeamAmbiguous."""
    try:
        by_id = Team.objects.filter(pk=UUID(name_or_id)).first()
    except ValueError:
        by_id = None
    if by_id:
        return by_id
    named = list(Team.objects.filter(name=name_or_id)[:10])
    if not named:
        raise TeamUnknown(f"No team has the name or id {name_or_id!r}.")
    if len(named) > 1:
        ids = ", ".join(str(team.pk) for team in named)
        raise TeamAmbiguous(f"Several teams are named {name_or_id!r}. Give one of the ids: {ids}")
    return named[0]
