"""`manage.py openapi`: the description of all HTTP doors, as OpenAPI 3.1."""

from typing import Any

from django.core.management.base import BaseCommand

from chat.description import describe, encoded


class Command(BaseCommand):
    """Prints the description."""

    help = "Print the OpenAPI description of all HTTP doors."
    # It needs neither database nor settings that fit.
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Print it."""
        self.stdout.write(encoded(describe()), ending="")
