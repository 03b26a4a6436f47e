"""Seal the keys of all relays anew: `manage.py rotaterelaykeys`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chat.services.relay_keys import NoSecret, rotate


class Command(BaseCommand):
    """After another secret was put first in RELAY_KEY_SECRETS; then the old one can go."""

    help = "Seal the keys of all relays anew with the first of RELAY_KEY_SECRETS."

    def handle(self, **_options: Any) -> None:
        """Rotate and say how many; ends with an error if any key does not open."""
        try:
            sealed, unusable = rotate()
        except NoSecret as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"sealed anew: {sealed}, do not open: {unusable}")
        if unusable:
            raise CommandError(
                "Keep the old secrets until these keys were entered again, or deleted."
            )
