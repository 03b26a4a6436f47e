"""manage.py rebuildusage: make the totals of usage anew from the settlements and corrections."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.usage_folding import forget_unused, rebuild
from billing.zones import zones


class Command(BaseCommand):
    """Make the totals of usage anew, for each zone that usage is counted in, or for some of them.

    Pages go on showing what the ledger says meanwhile, only more slowly.
    """

    help = "Make the totals of usage anew from the settlements and corrections."

    def add_arguments(self, parser: CommandParser) -> None:
        """`--zone` may stand several times."""
        parser.add_argument("--zone", action="append", help="only this zone; may be repeated")

    def handle(self, *_args: Any, zone: list[str] | None, **_options: Any) -> None:
        """Say of each zone that it is done, and which are counted no more."""
        known = zones()
        for name in zone or known:
            if name not in known:
                raise CommandError(f"{name} is not in STATEMENT_ZONES: {', '.join(known)}.")
            rebuild(name)
            self.stdout.write(f"{name}: made anew.")
        for name in forget_unused():
            self.stdout.write(f"{name}: is counted no more.")
