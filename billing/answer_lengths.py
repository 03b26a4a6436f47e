"""How long a model's answers are, by those it gave before: to tell a price before it is paid."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from django.db.models import QuerySet

from billing.models import Settlement

LOOKED_AT_TURNS = 500
"""The newest turns of a model that are looked at."""
ENOUGH_TURNS = 20
"""Fewer say nothing: of 20 answers the shortest and the longest hold the next one 9 times in 10."""
ENOUGH_ALIKE_TURNS = 60
"""So many with prompts of about the same size say more than all of them."""
ALIKE = 3
"""Prompts are alike up to so many times as many tokens."""
OUTSIDE_PER_MILLE = 25
"""Of a thousand answers so many are shorter than the range, and so many longer."""

GUESSED_TOKENS = (30, 400, 2000)
"""Lowest, typical and highest where nothing is known of a model."""

Whose = Literal["team", "everyone", "nobody"]


@dataclass(frozen=True)
class AnswerLengths:
    """Tokens that an answer may have, reasoning included: 19 of 20 lie from `low_tokens` to
    `high_tokens`, half are below `typical_tokens`.

    Taken from `turns` past turns of the team, or of everyone where the team has few; from
    nobody's, and a fixed guess, where there are few at all.
    """

    low_tokens: int
    typical_tokens: int
    high_tokens: int
    whose: Whose
    turns: int = 0

    def within(self, max_tokens: int) -> "AnswerLengths":
        """The same for an answer that may have at most so many tokens."""
        return AnswerLengths(
            min(self.low_tokens, max_tokens),
            min(self.typical_tokens, max_tokens),
            min(self.high_tokens, max_tokens),
            self.whose,
            self.turns,
        )


def answer_lengths(team_id: UUID, model: str, prompt_tokens: int) -> AnswerLengths:
    """What the newest completed turns say of the next answer to a prompt of this size."""
    of_model = Settlement.objects.filter(model=model)
    # Each order is that of an index, so no more rows are read than are taken.
    if found := _lengths(of_model.filter(team_id=team_id).order_by("-id"), "team", prompt_tokens):
        return found
    if found := _lengths(of_model.order_by("-day"), "everyone", prompt_tokens):
        return found
    return AnswerLengths(*GUESSED_TOKENS, whose="nobody")


def _lengths(
    newest: QuerySet[Settlement], whose: Whose, prompt_tokens: int
) -> AnswerLengths | None:
    rows = newest.values_list("outcome", "prompt_tokens", "completion_tokens")[:LOOKED_AT_TURNS]
    completed = [(asked, answered) for outcome, asked, answered in rows if outcome == "completed"]
    if len(completed) < ENOUGH_TURNS:
        return None
    alike = [
        (asked, answered)
        for asked, answered in completed
        if asked <= prompt_tokens * ALIKE and prompt_tokens <= asked * ALIKE
    ]
    chosen = alike if len(alike) >= ENOUGH_ALIKE_TURNS else completed
    return _range(sorted(answered for _, answered in chosen), whose)


def _range(answers: Sequence[int], whose: Whose) -> AnswerLengths:
    """The i-th shortest and the i-th longest of n answers hold the next one with a chance of
    1 - 2i / (n + 1), however lengths are distributed."""
    outside = max(1, (len(answers) + 1) * OUTSIDE_PER_MILLE // 1000)
    return AnswerLengths(
        answers[outside - 1],
        answers[len(answers) // 2],
        answers[-outside],
        whose,
        len(answers),
    )
