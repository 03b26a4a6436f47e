"""Sums over some turns, and what is told from them."""

from dataclasses import dataclass, fields
from decimal import Decimal

from billing.prices import saving_percent


@dataclass(frozen=True)
class Figures:
    """Sums over some turns, in nano-USD. `official` and `paid_where_official` cover the same ones.

    The cost is the team's, with what was corrected after the turn; `corrected` is that part.
    """

    turns: int = 0
    failures: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    tokens_of_reasoning: int = 0
    cost_nano_usd: int = 0
    corrected_nano_usd: int = 0
    relay_cost_nano_usd: int = 0
    official_nano_usd: int = 0
    paid_where_official_nano_usd: int = 0

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of the sums."""
        return tuple(each.name for each in fields(cls))

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*(getattr(self, name) + getattr(other, name) for name in NAMES))

    def __sub__(self, other: "Figures") -> "Figures":
        return Figures(*(getattr(self, name) - getattr(other, name) for name in NAMES))

    @property
    def tokens(self) -> int:
        """In and out."""
        return self.tokens_in + self.tokens_out

    @property
    def saving_nano_usd(self) -> int:
        """Against the official prices, where there are any."""
        return self.official_nano_usd - self.paid_where_official_nano_usd

    @property
    def saving_percent(self) -> Decimal | None:
        """The same, of the official cost."""
        return saving_percent(self.paid_where_official_nano_usd, self.official_nano_usd)


NAMES = Figures.names()
