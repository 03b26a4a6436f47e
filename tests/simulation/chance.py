"""All chance of a run, from one seed."""

from __future__ import annotations

from random import Random
from uuid import UUID

PIECES = (
    "the answer ",
    "is ",
    "forty-two. ",
    "\n",
    "\r\n",
    "Trạm ",
    "trả lời ",
    "汉字",
    "e\u0301",
    "\U0001f600",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U00010348 ",
    "\u2028",
    "\x00",
    "`x = 1` ",
    '"\\',
    " " * 7,
)


class Chance(Random):
    """A seeded generator with the few questions that a world asks."""

    def happens(self, probability: float) -> bool:
        """Whether something of this probability happens now."""
        return self.random() < probability

    def uuid(self) -> UUID:
        """A new id."""
        return UUID(int=self.getrandbits(128), version=4)

    def text(self, longest_pieces: int = 6) -> str:
        """Some text, with what is hard to count."""
        return "".join(self.choices(PIECES, k=self.randint(1, longest_pieces)))

    def latency(self, usual_seconds: float) -> float:
        """Around the usual, seldom ten times as long."""
        return usual_seconds * (10.0 if self.happens(0.02) else self.uniform(0.3, 1.7))
