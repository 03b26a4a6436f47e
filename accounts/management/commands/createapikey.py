"""`manage.py createapikey PERSON [--team T] [--name N]`."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.errors import AccountsError
from accounts.models import Membership, Team, User
from accounts.services.keys import create_api_key


class Command(BaseCommand):
    """Makes an API key and prints it, alone on the last line. It cannot be shown again."""

    help = "Make an API key for a person and print it, alone on the last line."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the person, the team and the name of the key."""
        parser.add_argument("person", help="user name")
        parser.add_argument("--team", help="name or id (default: her oldest shared team)")
        parser.add_argument("--name", default="command line", help="what the key is for")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Make the key."""
        person = User.objects.filter(username__iexact=options["person"]).first()
        if person is None:
            raise CommandError(f"There is no person {options['person']}.")
        team = _team_of(person, options["team"])
        try:
            made = create_api_key(person, team, options["name"])
        except AccountsError as error:
            raise CommandError(str(error)) from error
        self.stderr.write(f"API key of {person} in team {team}. It is shown only now.")
        self.stdout.write(made.secret)


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
