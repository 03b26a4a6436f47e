"""manage.py sendalerts: tell the spend alerts that wait, by mail and webhook."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from billing.alert_delivery import deliver_alerts
from billing.alert_webhook import webhook_key


class Command(BaseCommand):
    """Tell the spend alerts that wait; a running site does so by itself every 30 seconds."""

    help = "Tell the spend alerts that wait, by mail and webhook."

    def add_arguments(self, parser: CommandParser) -> None:
        """`--webhook-key` tells nothing to anybody but what signs the calls."""
        parser.add_argument(
            "--webhook-key",
            action="store_true",
            help="only print the key that signs the calls of the webhook, for its receiver",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print how many were told, or the key."""
        if options["webhook_key"]:
            self.stdout.write(webhook_key())
            return
        told = deliver_alerts()
        self.stdout.write(
            f"{told.mailed} mailed, {told.called} told to the webhook, {told.failed} failed."
        )
