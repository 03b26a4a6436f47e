"""`manage.py batch`: let the running server answer a file of prompts, and watch it."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.models import Membership, User
from accounts.policy import PolicyRefusal, Principal
from accounts.services.principals import principal_for_user
from chat.api.batch_results import head_of, piece_of
from chat.management.progress import progress_on, totals
from chat.models import Batch
from chat.queries.batches import BatchView, batch_for, view_of_batch
from chat.services.batch_changes import resume_batch, stop_batch
from chat.services.batches import NewBatch, make_batch
from chat.services.errors import Refused
from chat.services.leases import living

LOOK_SECONDS = 0.5
OPTIONS = ("system", "temperature", "max_tokens")
NO_SERVER = (
    "No server that writes answers runs on this database: the batch waits for one. Start it with "
    "`make up` or `manage.py serve`."
)


class Command(BaseCommand):
    """Makes a batch, or goes on with one, shows how far it is, and writes the answers.

    The server works on it, so nothing is lost when this command ends. Exit status 0: every line is
    answered; 1: one failed, or the batch stopped; 130: stopped with Ctrl-C.
    """

    help = "Let the running server answer a file of prompts, a few at a time, and watch it."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "file", nargs="?", metavar="FILE", help="JSONL, or with .txt lines of text; -: stdin"
        )
        parser.add_argument("--resume", metavar="ID", type=UUID, help="go on with this batch")
        parser.add_argument("--person", metavar="NAME", help="who asks; the budget is hers")
        parser.add_argument("--team", metavar="NAME", help="the team that pays; else her first one")
        parser.add_argument("--name", default="", help="what the batch is called; else the file")
        parser.add_argument("--model", default="", help="the model of lines that name none")
        parser.add_argument("--concurrency", type=int, metavar="N", help="answers at a time")
        parser.add_argument("--system", help="the instruction to the model")
        parser.add_argument("--temperature", type=float)
        parser.add_argument("--max-tokens", type=int, help="longest answer")
        parser.add_argument("--out", metavar="FILE", type=Path, help="else to standard output")
        parser.add_argument("--format", choices=("jsonl", "csv"), default="jsonl")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Make or resume, watch, write."""
        try:
            principal, batch_id = self._begin(options)
            batch = self._watch(principal, batch_id, options)
        except (Refused, PolicyRefusal) as error:
            raise CommandError(str(error)) from None
        self._write(batch_id, options)
        self._say(totals(batch))
        if batch.state == "stopped":
            why = batch.stop["message"] if batch.stop else "Somebody stopped it."
            self._say(f"The batch stopped: {why} {_how_to_resume(batch_id, options)}")
        if batch.state == "stopped" or batch.lines.failed:
            sys.exit(1)

    def _say(self, text: str) -> None:
        """Beside the answers, which may go to standard output; not in the colour of errors."""
        self.stderr.write(text, style_func=str)

    def _begin(self, options: dict[str, Any]) -> tuple[Principal, UUID]:
        if options["resume"] is not None:
            batch = Batch.objects.select_related("owner").filter(pk=options["resume"]).first()
            if batch is None:
                raise CommandError(f"There is no batch {options['resume']}.")
            principal = principal_for_user(batch.owner, batch.team_id)
            resume_batch(principal, batch.id)
            return principal, batch.id
        if options["file"] is None:
            raise CommandError("Name a file of prompts, or a batch with --resume.")
        principal = _asker(options["person"], options["team"])
        return principal, make_batch(principal, _wanted(options)).batch_id

    def _watch(self, principal: Principal, batch_id: UUID, options: dict[str, Any]) -> BatchView:
        """Look until it does not run any more; Ctrl-C stops it."""
        progress = progress_on(sys.stderr)
        try:
            self._say(f"Batch {batch_id}. Ctrl-C stops it.")
            if not living(settings.NODES.lease_seconds).exclude(role="web").exists():
                self._say(NO_SERVER)
            while (batch := _look(principal, batch_id)).state == "running" or batch.lines.running:
                progress.show(batch)
                time.sleep(LOOK_SECONDS)
            progress.show(batch)
        except KeyboardInterrupt:
            stop_batch(principal, batch_id)
            progress.end()
            self._say(f"Stopped. {_how_to_resume(batch_id, options)}")
            self._say(totals(_look(principal, batch_id)))
            sys.exit(130)
        progress.end()
        return batch

    def _write(self, batch_id: UUID, options: dict[str, Any]) -> None:
        path: Path | None = options["out"]
        if path is None:
            _write_to(sys.stdout.buffer, batch_id, options["format"])
            return
        with path.open("wb") as file:
            _write_to(file, batch_id, options["format"])
        self._say(f"The answers are in {path}.")


def _asker(person: str | None, team: str | None) -> Principal:
    if person is None:
        raise CommandError("Say with --person in whose name the prompts are asked.")
    user = User.objects.filter(username=person, is_active=True).first()
    if user is None:
        raise CommandError(f"Nobody is called {person}.")
    if team is None:
        return principal_for_user(user)
    found = Membership.objects.filter(user=user, team__name=team).values_list("team_id", flat=True)
    team_id = found.first()
    if team_id is None:
        raise CommandError(f"{person} is in no team {team}.")
    return principal_for_user(user, team_id)


def _wanted(options: dict[str, Any]) -> NewBatch:
    file = str(options["file"])
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
    return NewBatch(
        content=content,
        form="text" if file.lower().endswith(".txt") else "jsonl",
        name=options["name"] or ("" if file == "-" else Path(file).name[:200]),
        model=options["model"] or settings.TURNS.default_model,
        options={name: options[name] for name in OPTIONS if options[name] is not None},
        concurrency=options["concurrency"],
    )


def _look(principal: Principal, batch_id: UUID) -> BatchView:
    return view_of_batch(batch_for(principal, batch_id))


def _write_to(file: Any, batch_id: UUID, form: str) -> None:
    file.write(head_of(form))
    after: int | None = 0
    while after is not None:
        piece, after = piece_of(batch_id, form, after)
        file.write(piece)
    file.flush()


def _how_to_resume(batch_id: UUID, options: dict[str, Any]) -> str:
    out = f" --out {options['out']}" if options["out"] else ""
    form = " --format csv" if options["format"] == "csv" else ""
    return f"Go on with: manage.py batch --resume {batch_id}{out}{form}"
