"""Mutants that no test can kill, because they do the same; each with the reason."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """A change of a module: the lines that are gone, and those that came."""

    module: str
    gone: str
    came: str


EQUIVALENT: dict[Change, str] = {}
