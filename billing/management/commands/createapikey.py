"""`manage.py createapikey PERSON [--team T] [--name N] [--models A,B] [--scopes …] [--budget USD]`.

Among the commands of money, as a key may have a budget.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.errors import AccountsError
from accounts.models import Membership, Team, User
from accounts.roles import API_KEY_CAPABILITIES, Capability
from billing.api_keys import KeyBudget, KeyWish, make_key
from billing.errors import BillingError
from billing.models import Period
from billing.money import usd_to_nano

SCOPES = ", ".join(sorted(scope.value for scope in API_KEY_CAPABILITIES))


class Command(BaseCommand):
    """Makes an API key and prints it, alone on the last line. It cannot be shown again."""

    help = "Make an API key for a person and print it, alone on the last line."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the person, the team, and what bounds the key."""
        parser.add_argument("person", help="user name")
        parser.add_argument("--team", help="name or id (default: her oldest shared team)")
        parser.add_argument("--name", default="command line", help="what the key is for")
        parser.add_argument("--models", default="", help="ids with commas (default: all)")
        parser.add_argument("--scopes", default="", help=f"of {SCOPES} (default: all of them)")
        parser.add_argument("--budget", metavar="USD", help="what it may spend (default: no bound)")
        parser.add_argument(
            "--period",
            choices=[period.value for period in Period],
            default=Period.MONTH.value,
            help="how often the budget starts afresh (default: month)",
        )
        parser.add_argument("--expires", metavar="DATE", help="its last day, as 2027-03-31")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Make the key."""
        person = User.objects.filter(username__iexact=options["person"]).first()
        if person is None:
            raise CommandError(f"There is no person {options['person']}.")
        team = _team_of(person, options["team"])
        try:
            made = make_key(person, team, _wish(options))
        except (AccountsError, BillingError) as error:
            raise CommandError(str(error)) from error
        self.stderr.write(f"API key of {person} in team {team}. It is shown only now.")
        self.stdout.write(made.secret)


def _wish(options: dict[str, Any]) -> KeyWish:
    """Raises CommandError, AmountInvalid."""
    budget = None
    if options["budget"] is not None:
        budget = KeyBudget(usd_to_nano(options["budget"]), Period(options["period"]))
    return KeyWish(
        name=options["name"],
        scopes=_scopes(_parts(options["scopes"])),
        model_names=_parts(options["models"]),
        budget=budget,
        expires_at=_end_of(options["expires"]),
    )


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _scopes(names: list[str]) -> frozenset[Capability]:
    known = {scope.value: scope for scope in API_KEY_CAPABILITIES}
    for name in names:
        if name not in known:
            raise CommandError(f"An API key cannot carry {name}. It may carry {SCOPES}.")
    return frozenset(known[name] for name in names) or API_KEY_CAPABILITIES


def _end_of(day: str | None) -> datetime | None:
    """The end of a day in the installation's zone."""
    if day is None:
        return None
    try:
        start = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=ZoneInfo(settings.BILLING_ZONE))
    except ValueError:
        raise CommandError(f"{day} is not a date. Write it as 2027-03-31.") from None
    return start + timedelta(days=1)


def _team_of(person: User, wanted: str | None) -> Team:
    memberships = Membership.objects.filter(user=person).select_related("team")
    teams = [m.team for m in memberships.order_by("team__personal", "id")]
    if wanted is not None:
        teams = [team for team in teams if wanted in (team.name, str(team.pk))]
    if not teams:
        raise CommandError(f"{person} is in no team {wanted or ''}".strip() + ".")
    if wanted is not None and len(teams) > 1 and not _is_id(wanted):
        raise CommandError(f"{person} is in {len(teams)} teams {wanted}. Name one by its id.")
    return teams[0]


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
