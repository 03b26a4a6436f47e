"""`manage.py prunejournal`: remove what is not to be kept: what the journal has of turns that do
not run any more, and the texts of answers to programs past their time."""

from typing import Any

from django.core.management.base import BaseCommand

from chat.services.forgetting import forget_answers
from chat.services.pruning import prune_journal


class Command(BaseCommand):
    """The end of a turn removes its rows; only what came after it, at a takeover, is left. The
    server forgets answers by itself, too."""

    help = "Remove journal rows of turns that do not run, and old answers to programs."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Remove, and say how many."""
        self.stdout.write(f"{prune_journal()} journal rows removed.")
        self.stdout.write(f"{forget_answers()} answers to programs forgotten.")
