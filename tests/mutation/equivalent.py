"""Mutants that no test can kill, because they do the same; each with the reason."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """A change of a module: the lines that are gone, and those that came."""

    module: str
    gone: str
    came: str


def _percent(came: str) -> Change:
    start = "return format((Decimal(basis_points) / POINTS_PER_PERCENT).normalize() "
    return Change("markups", f'{start}+ Decimal(0), "f")', start + came)


EQUIVALENT: dict[Change, str] = {
    _percent("+ Decimal(0), )"): "the sum with 0 has no exponent any more, whatever the format",
    _percent('+ Decimal(0), "F")'): "f and F differ for what is not finite only",
    _percent('- Decimal(0), "f")'): "nothing added is nothing taken away",
}
