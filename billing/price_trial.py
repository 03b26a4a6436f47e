"""What past turns would have cost at another price or markup. Nothing is written."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from billing.costs import AtMost, Used, costs
from billing.errors import TrialRefused
from billing.markups import own_markups
from billing.models import PriceVersion, Quality, Settlement
from billing.prices import NewPrice, PriceView, view_of

ROWS_AT_ONCE = 2000
COLUMNS = (
    "model",
    "team_id",
    "quality_before",
    "quality",
    "price_version_id",
    "hold__markup_basis_points",
    "cost_nano_usd",
    "relay_cost_nano_usd",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "images",
    "hold__prompt_bytes",
    "hold__max_tokens",
    "hold__max_images",
)


@dataclass(frozen=True)
class Trial:
    """Which turns, by the UTC days they were settled on, both included, and what would differ.

    A price is tried on the turns of its `model`. A markup, in basis points, is tried on a team's
    turns; without a team on those of all that have none of their own.
    """

    first: date
    last: date
    model: str = ""
    team_id: UUID | None = None
    price: NewPrice | None = None
    markup_basis_points: int | None = None


@dataclass(frozen=True)
class Tried:
    """So many turns of a model: what they cost when they were settled, and what they would, for the
    team and at the relay. Corrections made since then are on neither side."""

    model: str
    turns: int = 0
    now_nano_usd: int = 0
    then_nano_usd: int = 0
    relay_now_nano_usd: int = 0
    relay_then_nano_usd: int = 0

    @property
    def difference_nano_usd(self) -> int:
        """How much more it would cost the team; below zero: less."""
        return self.then_nano_usd - self.now_nano_usd

    @property
    def difference_percent(self) -> Decimal | None:
        """The same in percent to a tenth, of what it cost; None where that is nothing."""
        if not self.now_nano_usd:
            return None
        percent = Decimal(self.difference_nano_usd) * 100 / self.now_nano_usd
        return percent.quantize(Decimal("0.1"))


@dataclass(frozen=True)
class TrialResult:
    """The models, the dearest by then first, and all together."""

    models: tuple[Tried, ...]
    total: Tried


def try_on(trial: Trial) -> TrialResult:
    """Compute what the turns would cost, a turn at a time and exactly. TrialRefused."""
    _check(trial)
    by_model: dict[str, Tried] = {}
    for line in _turns(trial):
        sum_ = by_model.get(line.model) or Tried(line.model)
        by_model[line.model] = _added(sum_, line)
    total = Tried("")
    for line in by_model.values():
        total = _added(total, line)
    ordered = sorted(by_model.values(), key=lambda line: (-line.then_nano_usd, line.model))
    return TrialResult(tuple(ordered), total)


def _check(trial: Trial) -> None:
    if trial.price is None and trial.markup_basis_points is None:
        raise TrialRefused("Give a price or a markup to try.")
    if trial.price is not None and not trial.model:
        raise TrialRefused("A price is tried on the turns of one model. Name it.")
    if trial.first > trial.last:
        raise TrialRefused("The first day is after the last one.")


def _turns(trial: Trial) -> Iterator[Tried]:
    given: dict[str, Any] = {"model": trial.model or None, "team_id": trial.team_id}
    rows = Settlement.objects.filter(
        day__range=(trial.first, trial.last),
        **{name: value for name, value in given.items() if value is not None},
    )
    exempt = own_markups() if trial.team_id is None else frozenset()
    prices: dict[int, PriceView] = {}
    for row in rows.order_by().values_list(*COLUMNS).iterator(chunk_size=ROWS_AT_ONCE):
        model, team_id, before, quality, version_id, markup, now, relay_now, *counts = row
        if version_id not in prices:
            prices[version_id] = view_of(PriceVersion.objects.get(pk=version_id))
        if trial.markup_basis_points is not None and team_id not in exempt:
            markup = trial.markup_basis_points
        then = costs(
            Used(*counts[:5]),
            trial.price or prices[version_id],
            markup,
            at_most=AtMost(*counts[5:]) if (before or quality) == Quality.ESTIMATED else None,
        )
        yield Tried(model, 1, now, then.cost_nano_usd, relay_now, then.relay_cost_nano_usd)


def _added(sum_: Tried, line: Tried) -> Tried:
    return replace(
        sum_,
        turns=sum_.turns + line.turns,
        now_nano_usd=sum_.now_nano_usd + line.now_nano_usd,
        then_nano_usd=sum_.then_nano_usd + line.then_nano_usd,
        relay_now_nano_usd=sum_.relay_now_nano_usd + line.relay_now_nano_usd,
        relay_then_nano_usd=sum_.relay_then_nano_usd + line.relay_then_nano_usd,
    )
