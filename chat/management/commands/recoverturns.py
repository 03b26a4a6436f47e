"""`manage.py recoverturns`: settle at once the turns whose process died."""

import argparse
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection

from billing.money import format_usd
from chat.models import Turn
from chat.services.leases import orphaned_turns
from chat.services.recovery import recover_turn
from chat.sole_process import is_claimed_elsewhere

BEATS = 2
"""Whoever lives has beaten within so many, also where an outage of the database made all leases
look old."""


class Command(BaseCommand):
    """Running servers do the same by themselves; this is for when none runs, or to look."""

    help = "Settle the running turns that have no living process: keep the text, estimate the cost."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take whether only to look."""
        parser.add_argument("--dry-run", action="store_true", help="Only say which they are.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Settle them one by one, and say what became of each."""
        orphans = self._orphans()
        for turn_id in orphans:
            if options["dry_run"]:
                turn = Turn.objects.get(pk=turn_id)
                self.stdout.write(f"{turn_id}: of {turn.node or 'no process'}, left as it is.")
                continue
            ended = recover_turn(turn_id)
            if ended is None:
                self.stdout.write(f"{turn_id}: settled by somebody else meanwhile.")
            else:
                cost = format_usd(ended.cost_nano_usd)
                size = len(ended.content)
                self.stdout.write(f"{turn_id}: {ended.state}, {size} characters kept, {cost}.")
        self.stdout.write(f"{len(orphans)} turns without a living process.")

    def _orphans(self) -> list[UUID]:
        lease_seconds = settings.NODES.lease_seconds
        if connection.vendor == "sqlite" and not is_claimed_elsewhere(
            Path(str(connection.settings_dict["NAME"]))
        ):
            # Nobody serves this database, whatever its leases say.
            lease_seconds = 0
        first = orphaned_turns(lease_seconds)
        if not first or lease_seconds == 0:
            return first
        time.sleep(BEATS * settings.TURNS.beat_seconds)
        still = set(orphaned_turns(lease_seconds))
        return [turn_id for turn_id in first if turn_id in still]
