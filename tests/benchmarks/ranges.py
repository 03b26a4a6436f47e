"""`python -m tests.benchmarks.ranges FOLDER [--pieces]`: whether a turn costs what was told.

Plays so many turns with each model of the demo relay through the site's own functions, into a
database of their own in FOLDER: each is admitted, the demo relay's answer to its prompt is given,
and it is settled as the relay reports it: in tokens of the models' vocabularies, or with --pieces
in the demo relay's own, as a model does whose vocabulary we do not have. The first half of a
model's turns is what is known of it; of each of the second is told before what it may cost. Prints
how many of these cost what was told, and how far the counts of prompts were off.
"""

import argparse
import os
import random
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chat.relay.demo.casting import answer_for
from chat.relay.demo.counting import Counting
from chat.relay.demo.offering import MODELS, DemoModel
from chat.relay.demo.order import ChatMessage, Order
from chat.relay.demo.pieces import cut
from chat.relay.demo.repertoire import answer_to

if TYPE_CHECKING:
    from accounts.policy import Principal

USD = "1"
KINDS = ("", "", "", "code", "table", "maths", "in detail", "short", "ngắn", "dài", "详细", "代码")
LANGUAGES = ("Tell me of trams.", "Xin kể về tàu điện.", "请介绍有轨电车。")
GOES_ON = 0.5
RELAY = "demo"


@dataclass(frozen=True)
class Judged:
    """A turn of the second half: what was told, and what came."""

    model: str
    exact: bool
    holds: bool
    told_tokens: int
    came_tokens: int
    width: float

    @property
    def off_percent(self) -> float:
        """How far the count of the prompt was from the relay's."""
        return 100 * abs(self.told_tokens - self.came_tokens) / self.came_tokens


def play(
    who: "Principal", model: DemoModel, turns: int, counting: Counting, seed: int
) -> list[Judged]:
    """Play turns of a model that has a price; gives those of the second half."""
    from chat.models import Turn
    from chat.queries.estimates import estimate
    from chat.services.admission import start_turn
    from chat.services.attempts import ReportedUsage
    from chat.services.intents import Models
    from tests.chat.admitting import attempt_of, finish, wish

    dice = random.Random(f"{model.id} {seed}")
    windows = {model.id: model.context_tokens} if model.context_tokens else {}
    models = Models(model.id, context_tokens=windows, relay_names={model.id: RELAY})
    judged = []
    conversation: Any = None
    for number in range(turns):
        place = {"conversation_id": conversation} if conversation else {}
        intent = wish(_prompt(dice), model=model.id, **place)
        told = estimate(who, intent, models) if number >= turns // 2 else None
        turn = start_turn(who, intent, models=models, node="here")
        messages = tuple(ChatMessage(each.role, each.content) for each in turn.prompt)
        said = [piece.text for piece in answer_for(_order(model, messages), model)]
        # A relay stops where it was told to, counting in its own tokens.
        said = said[: min(turn.max_tokens, _length(dice, len(said)))]
        usage = ReportedUsage(
            counting.prompt(model.id, messages), counting.answer(model.id, len(said), said)
        )
        text = "".join(said)
        finish(turn, text, attempts=(attempt_of(turn, text, relay=RELAY, usage=usage),))
        cost = Turn.objects.values_list("cost_nano_usd", flat=True).get(pk=turn.turn_id)
        assert cost is not None
        if told is not None:
            low, high = int(told.low_nano_usd), int(told.high_nano_usd)
            row = (low <= cost <= high, told.prompt_tokens, usage.prompt_tokens, high / max(1, low))
            judged.append(Judged(model.id, told.exact, *row))
        conversation = turn.conversation_id if dice.random() < GOES_ON else None
    return judged


def _prompt(dice: random.Random) -> str:
    """A question, now and then with a text of some length to it."""
    words = [dice.choice(LANGUAGES), dice.choice(KINDS)]
    if dice.random() < 0.4:
        pieces = cut(answer_to(f"{words[0]} in detail", "long", "a model"))
        length = int(dice.lognormvariate(5, 1.2))
        words.append("".join((pieces * (length // len(pieces) + 1))[:length]))
    return " ".join(words)


def _order(model: DemoModel, messages: tuple[ChatMessage, ...]) -> Order:
    return Order(model.id, messages, stream=True, max_tokens=None, include_usage=True)


def _length(dice: random.Random, pieces: int) -> int:
    """The written answers are few: so each is given to some part, as no two real ones are alike."""
    return max(1, int(pieces * dice.uniform(0.6, 1)))


def shares(judged: Iterable[Judged]) -> list[str]:
    """A line for each model, and one for all of them."""
    rows = list(judged)
    names = list(dict.fromkeys(row.model for row in rows))
    lines = [_line(name, [row for row in rows if row.model == name]) for name in names]
    return [*lines, _line("all", rows)]


def _line(name: str, rows: list[Judged]) -> str:
    holds = 100 * sum(row.holds for row in rows) / len(rows)
    off = sorted(row.off_percent for row in rows)
    wide = sorted(row.width for row in rows)[len(rows) // 2]
    counted = "exact " if all(row.exact for row in rows) else "nearly"
    return (
        f"{name:18} {len(rows):5} turns, {holds:5.1f} % in the range (its ends 1:{wide:.1f}); "
        f"prompt counted {counted}, off by {off[len(off) // 2]:.1f} % (median), "
        f"{off[int(len(off) * 0.95)]:.1f} % (p95), {off[-1]:.1f} % at most"
    )


def main() -> None:
    """Play every model, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.ranges")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--turns", type=int, default=160, help="of each model")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pieces", action="store_true", help="the relay counts in its own way")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    _connect(options.folder, options.folder / f"ranges-{os.getpid()}.sqlite3")
    who, counting = _people(), Counting(by_model=not options.pieces)
    judged: list[Judged] = []
    for model in MODELS:
        judged += play(who, model, options.turns, counting, options.seed)
        sys.stdout.write(f"{shares(judged)[-2]}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{shares(judged)[-1]}\n")


def _connect(folder: Path, file: Path) -> None:
    os.environ["TEST_DATA_DIR"] = str(folder)
    os.environ["TEST_DATABASE_URL"] = f"sqlite:///{file.resolve()}"
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous = OFF")


def _people() -> "Principal":
    from accounts.services.principals import principal_for_user
    from tests.billing.conftest import give, set_prices
    from tests.people import cast

    people = cast()
    give(people.team, "1000")
    for model in MODELS:
        set_prices(model.id, USD)
    return principal_for_user(people.alice, people.team.pk)


if __name__ == "__main__":
    main()
