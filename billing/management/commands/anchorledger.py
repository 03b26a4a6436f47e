"""manage.py anchorledger: write down, outside the database, how far each team's chain is."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.anchors import folder, write_anchors
from billing.errors import AnchorsNotWritten


class Command(BaseCommand):
    """Once a day. Again on the same day it adds what is new since, and changes nothing."""

    help = "Append the day's anchors of the ledger to LEDGER_ANCHORS_DIR; to be called every day."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Write them and say how many, or say why not."""
        try:
            written = write_anchors()
        except AnchorsNotWritten as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{written} teams anchored in {folder()}.")
