"""`manage.py prunejournal`: remove what the journal has of turns that do not run any more."""

from typing import Any

from django.core.management.base import BaseCommand

from chat.services.pruning import prune_journal


class Command(BaseCommand):
    """The end of a turn removes its rows; only what came after it, at a takeover, is left."""

    help = "Remove journal rows of turns that do not run; safe beside running servers."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Remove, and say how many."""
        self.stdout.write(f"{prune_journal()} journal rows removed.")
