"""`manage.py checkrelay`: try the relays out and print what was found."""

import argparse
import asyncio
import json
from collections.abc import Sequence
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError

from chat.relay.check import ANSWER_TOKENS, CheckPlan, CheckStep, check_relay, is_usable
from chat.relay.settings import RelaySettings
from chat.turns.relays.checking import plan_for, relays_to_check, title_of

HEADINGS = ("relay", "reachable", "key", "models", "SSE", "WebSocket", "first token", "usage")
NOTHING = "–"
GAP = "  "


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
            found = [(settings, _steps_of(settings, plan)) for settings in relays]
            self.stdout.write(json.dumps([_as_json(*each) for each in found], indent=2))
        else:
            found = self._table(relays, plan)
        if not all(is_usable(steps) for _, steps in found):
            raise SystemExit(1)

    def _chosen(self, names: Sequence[str]) -> tuple[RelaySettings, ...]:
        relays = relays_to_check()
        if not relays:
            raise CommandError("No relay is configured: set HOLYSHEEP_API_KEY.")
        known = [settings.name for settings in relays]
        if unknown := [name for name in names if name not in known]:
            raise CommandError(
                f"No relay is called {', '.join(unknown)}. There are: {', '.join(known)}."
            )
        return tuple(settings for settings in relays if not names or settings.name in names)

    def _table(
        self, relays: Sequence[RelaySettings], plan: CheckPlan
    ) -> list[tuple[RelaySettings, list[CheckStep]]]:
        longest = max(len(title_of(settings)) for settings in relays)
        widths = [max(longest, len(HEADINGS[0])), *(max(8, len(each)) for each in HEADINGS[1:])]
        self.stdout.write(_line(HEADINGS, widths))
        found = []
        for settings in relays:
            steps = _steps_of(settings, plan)
            self.stdout.write(_line(_row(settings, steps), widths))
            self.stdout.flush()
            found.append((settings, steps))
        for settings, steps in found:
            for note in _notes(settings, steps):
                self.stdout.write(note)
        return found


def _steps_of(settings: RelaySettings, plan: CheckPlan) -> list[CheckStep]:
    async def gather() -> list[CheckStep]:
        return [step async for step in check_relay(settings, plan)]

    return asyncio.run(gather())


def _row(settings: RelaySettings, steps: Sequence[CheckStep]) -> list[str]:
    by_name = {step.name: step for step in steps}
    facts = (
        by_name["sse"].facts if "ttft_ms" in by_name["sse"].facts else by_name["websocket"].facts
    )
    return [
        title_of(settings),
        _word(by_name["reachable"]),
        _word(by_name["key"]),
        str(by_name["models"].facts.get("count", _word(by_name["models"]))),
        _word(by_name["sse"]),
        _word(by_name["websocket"]),
        f"{facts['ttft_ms']} ms" if "ttft_ms" in facts else NOTHING,
        _usage(by_name["usage"]),
    ]


def _word(step: CheckStep) -> str:
    return NOTHING if step.status == "skipped" else step.status


def _usage(step: CheckStep) -> str:
    shown = [f"{step.facts[name]:,}" for name in ("used", "granted") if name in step.facts]
    return " of ".join(shown) or _word(step)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return GAP.join(padded).rstrip()


def _notes(settings: RelaySettings, steps: Sequence[CheckStep]) -> list[str]:
    """One line for each answer, and for each step that did not simply go well."""
    notes = []
    for step in steps:
        said = f" ({step.detail})" if step.detail else ""
        answered = step.name in ("sse", "websocket") and step.status == "ok"
        if answered or step.status in ("warning", "failed"):
            notes.append(f"{title_of(settings)}: {step.name}: {step.sentence}{said}")
    return notes


def _as_json(settings: RelaySettings, steps: Sequence[CheckStep]) -> dict[str, Any]:
    return {
        "relay": settings.name,
        "key_label": settings.key_label,
        "address": settings.base_url,
        "usable": is_usable(steps),
        "steps": [msgspec.structs.asdict(step) | {"sentence": step.sentence} for step in steps],
    }
