"""`manage.py demorelay`: a scripted relay on loopback."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand

from chat.relay.demo.options import add_options, settings_of
from chat.relay.demo.run import run


class Command(BaseCommand):
    """Runs the demo relay until SIGTERM or Ctrl-C; exit status 1 when the port is taken."""

    help = "Run a relay on loopback that answers from scripts and misbehaves on request."
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options; all have defaults but the port."""
        add_options(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Serve, then exit with the server's status."""
        status = run(settings_of(options), options["ready_file"])
        if status:
            raise SystemExit(status)
