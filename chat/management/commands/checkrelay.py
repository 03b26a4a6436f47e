"""`manage.py checkrelay`: try the relays out and print what was found."""

import argparse
import asyncio
import json
from collections.abc import Sequence
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError

from chat.relay.check import ANSWER_TOKENS, CheckPlan, CheckStep, is_usable
from chat.turns.relays.checking import Candidate, candidates, plan_for, steps_of

HEADINGS = ("relay", "reachable", "key", "models", "SSE", "WebSocket", "first token", "usage")
NOTHING = "–"
GAP = "  "
NO_RELAY = (
    "No relay is in use: set HOLYSHEEP_API_KEY, or add one in the administration. "
    "(Relays that `make up` runs are known to it alone: check them in the administration.)"
)


class Command(BaseCommand):
    """Checks relays without a running server. Exit status 0: all are usable; 1: one is not."""

    help = (
        "Check the relays: address, key, models, SSE, WebSocket, usage. Each is asked for up to "
        f"two answers of at most {ANSWER_TOKENS} tokens, which cost what they cost there; "
        "--no-answers asks for none."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("names", nargs="*", metavar="NAME", help="relays; all without a name")
        parser.add_argument(
            "--model", default="", help="ask this model; else the cheapest with a price"
        )
        parser.add_argument(
            "--no-answers", action="store_true", help="generate nothing, so that nothing costs"
        )
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Check one relay after the other, telling each as soon as it is known."""
        relays = self._chosen(options["names"])
        plan = plan_for(model=options["model"], answers=not options["no_answers"])
        if options["json"]:
            found = [(relay, _checked(relay, plan)) for relay in relays]
            self.stdout.write(json.dumps([_as_json(*each) for each in found], indent=2))
        else:
            found = self._table(relays, plan)
        if not all(is_usable(steps) for _, steps in found):
            raise SystemExit(1)

    def _chosen(self, names: Sequence[str]) -> tuple[Candidate, ...]:
        relays = candidates()
        known = list(dict.fromkeys(relay.name for relay in relays))
        if unknown := [name for name in names if name not in known]:
            there_are = f"There are: {', '.join(known)}." if known else NO_RELAY
            raise CommandError(f"No relay is called {', '.join(unknown)}. {there_are}")
        # What is not in use is checked when it is named.
        chosen = [relay for relay in relays if relay.name in names or (not names and relay.in_use)]
        if not chosen:
            raise CommandError(NO_RELAY)
        return tuple(chosen)

    def _table(
        self, relays: Sequence[Candidate], plan: CheckPlan
    ) -> list[tuple[Candidate, list[CheckStep]]]:
        longest = max(len(relay.title) for relay in relays)
        widths = [max(longest, len(HEADINGS[0])), *(max(8, len(each)) for each in HEADINGS[1:])]
        self.stdout.write(_line(HEADINGS, widths))
        found = []
        for relay in relays:
            steps = _checked(relay, plan)
            self.stdout.write(_line(_row(relay, steps), widths))
            self.stdout.flush()
            found.append((relay, steps))
        for relay, steps in found:
            for note in _notes(relay, steps):
                self.stdout.write(note)
        return found


def _checked(relay: Candidate, plan: CheckPlan) -> list[CheckStep]:
    async def gather() -> list[CheckStep]:
        return [step async for step in steps_of(relay, plan)]

    return asyncio.run(gather())


def _row(relay: Candidate, steps: Sequence[CheckStep]) -> list[str]:
    made = {step.name: step for step in steps if step.status != "skipped"}
    facts = {name: fact for step in steps for name, fact in step.facts.items()}
    return [
        relay.title,
        _word(made.get("reachable")),
        _word(made.get("key")),
        str(facts["count"]) if "count" in facts else _word(made.get("models")),
        _word(made.get("sse")),
        _word(made.get("websocket")),
        f"{facts['ttft_ms']} ms" if "ttft_ms" in facts else NOTHING,
        _usage(made.get("usage")),
    ]


def _word(step: CheckStep | None) -> str:
    return NOTHING if step is None else step.status


def _usage(step: CheckStep | None) -> str:
    facts = {} if step is None else step.facts
    shown = [f"{facts[name]:,}" for name in ("used", "granted") if name in facts]
    return " of ".join(shown) or _word(step)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return GAP.join(padded).rstrip()


def _notes(relay: Candidate, steps: Sequence[CheckStep]) -> list[str]:
    """One line for each answer, and for each step that did not simply go well."""
    notes = []
    for step in steps:
        said = f" ({step.detail})" if step.detail else ""
        answered = step.name in ("sse", "websocket") and step.status == "ok"
        if answered or step.status in ("warning", "failed"):
            notes.append(f"{relay.title}: {step.name}: {step.sentence}{said}")
    return notes


def _as_json(relay: Candidate, steps: Sequence[CheckStep]) -> dict[str, Any]:
    return {
        "relay": relay.name,
        "key_label": relay.key_label,
        "address": relay.address,
        "usable": is_usable(steps),
        "steps": [msgspec.structs.asdict(step) | {"sentence": step.sentence} for step in steps],
    }
