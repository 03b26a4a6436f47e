"""manage.py verifyledger: prove the chain, and compare every balance with the transfers."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.verification import verify


class Command(BaseCommand):
    """Prove the chain of each team, hold it against the anchors, and recompute every balance, hold
    and settlement from the transfers; exit 1 if any differ."""

    help = "Prove the ledger's chain, anchors and balances from its rows; exit 1 if any differ."

    def add_arguments(self, parser: CommandParser) -> None:
        """`--rebuild` corrects the cached counters first."""
        parser.add_argument(
            "--rebuild", action="store_true", help="write the counters anew from the transfers"
        )

    def handle(self, *_args: Any, rebuild: bool, **_options: Any) -> None:
        """Print what was looked at and each difference."""
        result = verify(rebuild=rebuild)
        for difference in result.differences:
            self.stdout.write(str(difference))
        for note in result.notes:
            self.stdout.write(f"note: {note}")
        looked_at = (
            f"{result.transfers} transfers of {result.teams} teams, {result.open_holds} open holds"
        )
        if result.differences:
            raise CommandError(f"{looked_at}: {len(result.differences)} differences.")
        self.stdout.write(f"{looked_at}: everything agrees.")
