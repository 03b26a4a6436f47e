"""Geometry of the overview's charts: plain numbers for SVG attributes, without inline style."""

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 100
WIDTH = 1000


@dataclass(frozen=True)
class Bar:
    """One column, in units of a drawing of 1000 by 100; `shadow` is the taller one behind it."""

    x: float
    width: float
    y: float
    height: float
    shadow_y: float
    shadow_height: float


def bars(values: Sequence[int], shadows: Sequence[int]) -> tuple[Bar, ...]:
    """A column for each value, with its shadow, scaled to the highest of all."""
    highest = max((*values, *shadows, 1))
    step = WIDTH / max(len(values), 1)
    drawn = []
    for index, (value, shadow) in enumerate(zip(values, shadows, strict=True)):
        height, shadow_height = _scaled(value, highest), _scaled(shadow, highest)
        drawn.append(
            Bar(
                x=round(index * step + step * 0.12, 2),
                width=round(step * 0.76, 2),
                y=round(HEIGHT - height, 2),
                height=height,
                shadow_y=round(HEIGHT - shadow_height, 2),
                shadow_height=shadow_height,
            )
        )
    return tuple(drawn)


def shares(values: Sequence[int]) -> tuple[float, ...]:
    """Each value in percent of the highest."""
    highest = max((*values, 1))
    return tuple(round(100 * max(value, 0) / highest, 2) for value in values)


def _scaled(value: int, highest: int) -> float:
    # A day with any spend shows at least a hairline.
    return round(max(HEIGHT * value / highest, 1), 2) if value > 0 else 0.0
