"""A month of turns and the relay's bill of it, made up; and differences planted into the bill."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from billing.costs import Used, exact_cost, sold
from billing.prices import NewPrice
from billing.reconciliation import Billed, Period, Tried

NOVEMBER = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
PRICES = {
    "gpt-4.1": NewPrice(8_000_000_000, 8_000_000_000, 2_000_000_000),
    "deepseek-v3": NewPrice(420_000_000, 420_000_000, 42_000_000),
    "qwen-max": NewPrice(1_333_333_333, 4_000_000_000, 133_333_333),
}


def a_month(count: int, seed: int = 1) -> tuple[list[Tried], list[Billed]]:
    """So many turns, evenly spread, and a bill that agrees in everything, shuffled."""
    chance = random.Random(seed)
    step = (NOVEMBER.until - NOVEMBER.since - timedelta(hours=2)) / count
    tried, billed = [], []
    for number in range(count):
        model = chance.choice(sorted(PRICES))
        began = NOVEMBER.since + timedelta(hours=1) + number * step
        ended = began + timedelta(seconds=chance.uniform(0.5, 60))
        tokens = chance.randint(5, 4000), chance.randint(1, 1500)
        cached = chance.choice([0, tokens[0] // 2])
        cost = sold(exact_cost(Used(*tokens, cached), PRICES[model]))
        subject = f"turn:{number:06}"
        price = PRICES[model]
        ours = Tried(subject, 1, model, began, ended, *tokens, cached, cost, rates=price)
        tried.append(ours)
        # The relay's clock is a little off, and it writes the time when it began to answer.
        at = began + timedelta(seconds=chance.uniform(-2, 3))
        billed.append(Billed(number + 2, model, at, *tokens, cached, cost))
    chance.shuffle(billed)
    return tried, billed


def by_line(billed: list[Billed]) -> dict[int, Billed]:
    """The rows by their lines, so that one can be changed and the rest kept."""
    return {row.line: row for row in billed}


def dearer(row: Billed, nano_usd: int) -> Billed:
    """The same row at another price."""
    return replace(row, cost_nano_usd=(row.cost_nano_usd or 0) + nano_usd)


def as_csv(rows: list[Billed]) -> bytes:
    """A bill as a relay exports it."""
    lines = ["time,model,prompt_tokens,completion_tokens,cached_tokens,cost_nano_usd"]
    lines += [
        f"{row.at.isoformat()},{row.model},{row.prompt_tokens},{row.completion_tokens},"
        f"{'' if row.cached_tokens is None else row.cached_tokens},{row.cost_nano_usd}"
        for row in sorted(rows, key=lambda row: row.line)
    ]
    return "\n".join(lines).encode()
