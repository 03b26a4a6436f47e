"""`manage.py seeddemo`: the demo people, their teams, prices and some credit."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts.models import Team
from accounts.services.demo import DemoPeople, create_demo_people


class Command(BaseCommand):
    """Makes what a demo needs, as often as it is called, and says what there is."""

    help = "Make the demo people, teams, prices and credit. May run any number of times."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare `--force`."""
        parser.add_argument(
            "--force", action="store_true", help="also outside demo mode, where DEMO is off"
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Make everything or nothing."""
        if not (settings.DEMO or options["force"]):
            raise CommandError("This is no demo installation: set DEMO=true, or use --force.")
        with transaction.atomic():
            made = create_demo_people(settings.DEMO_PASSWORD)
            if find_spec("billing.demo"):
                import_module("billing.demo").seed_demo_billing(_teams_of(made))
        self.stdout.write(f"Team {made.demo}: alice (owner, staff) and bob (member).")
        self.stdout.write(f"Team {made.other}: charlie (owner).")
        self.stdout.write(f"They sign in with the password {settings.DEMO_PASSWORD}.")


def _teams_of(made: DemoPeople) -> list[UUID]:
    """Name every team a demo person is in, the personal ones too."""
    people = (made.alice, made.bob, made.charlie)
    return list(
        Team.objects.filter(memberships__user__in=people).distinct().values_list("pk", flat=True)
    )
