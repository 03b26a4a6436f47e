"""How many tokens a relay will report for a prompt, by what it reported for others."""

from dataclasses import dataclass
from math import log

from billing.answer_lengths import ENOUGH_TURNS, LOOKED_AT_TURNS, OUTSIDE_PER_MILLE
from billing.models import Quality
from billing.tokens import is_exact
from chat.models import Attempt

NEAREST_PROMPTS = 60
"""So many, the nearest in size, are gone by: what a template adds counts in short ones alone."""


@dataclass(frozen=True)
class PromptCount:
    """Tokens of a prompt, and between what 19 of 20 such counts lie. `exact`: as the model counts,
    and nothing that its relay reported says otherwise."""

    low_tokens: int
    tokens: int
    high_tokens: int
    exact: bool


def prompt_count(relay: str, model: str, counted_tokens: int) -> PromptCount:
    """What our own count of a prompt means where `relay` answers for `model`.

    Its newest reports are compared with our counts of the same prompts. Where there are few, and
    with an empty `relay`, our count stands.
    """
    pairs = _pairs(relay, model) if relay and counted_tokens else []
    if len(pairs) < ENOUGH_TURNS:
        return PromptCount(counted_tokens, counted_tokens, counted_tokens, is_exact(model))
    size = log(counted_tokens)
    pairs.sort(key=lambda pair: abs(log(pair[0]) - size))
    # Pairs of reported and counted, by their quotient.
    ratios = sorted(pairs[:NEAREST_PROMPTS], key=lambda pair: pair[1] / pair[0])
    outside = max(1, (len(ratios) + 1) * OUTSIDE_PER_MILLE // 1000)
    low, middle, high = (
        -(-counted_tokens * reported // counted)
        for counted, reported in (ratios[outside - 1], ratios[len(ratios) // 2], ratios[-outside])
    )
    return PromptCount(low, middle, high, is_exact(model) and low == counted_tokens == high)


def _pairs(relay: str, model: str) -> list[tuple[int, int]]:
    """Tokens that we counted and that were reported, of the newest attempts; by an index."""
    newest = Attempt.objects.filter(relay=relay, model=model).order_by("-id")
    rows = newest.values_list("quality", "counted_prompt_tokens", "prompt_tokens")
    return [
        (counted, reported)
        for quality, counted, reported in rows[:LOOKED_AT_TURNS]
        if quality == Quality.REPORTED and counted and reported
    ]
