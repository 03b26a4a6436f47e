"""manage.py exportprices: the price book as CSV."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.price_book import write_book


class Command(BaseCommand):
    """Write every price version as CSV, to a file or to the terminal."""

    help = "Write every price version as CSV, to a file or to the terminal."

    def add_arguments(self, parser: CommandParser) -> None:
        """Without a file it is printed."""
        parser.add_argument("file", nargs="?", type=Path)

    def handle(self, *_args: Any, file: Path | None, **_options: Any) -> None:
        """Write the lines."""
        text = "".join(write_book())
        if file is None:
            self.stdout.write(text, ending="")
            return
        try:
            file.write_text(text, encoding="utf-8", newline="")
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}.") from error
        self.stdout.write(f"{file}: {text.count(chr(10)) - 1} prices.")
