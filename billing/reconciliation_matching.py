"""Which row of a relay's bill is which try of ours: greedy, deterministic, nothing twice.

By the request's id where both sides know it; else by model and tokens within a time window; what
is left by model and like tokens; then by tries of ours that came to nothing.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from billing.money import Rates

CANDIDATES = 50
"""Of one row of the bill, on either side in time: more only where many have like tokens at once."""
LIKE_PROMPT_TOKENS = 64
ID_SECONDS = 3600
"""An id is worth more than a clock, but no longer than this."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A try of ours that reached the relay; `billed` if something was settled for it.

    `cost_nano_usd` is the relay's price of it, by `rates`.
    """

    subject: str
    attempt: int
    model: str
    began_at: datetime
    ended_at: datetime
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int | None = None
    cost_nano_usd: int = 0
    billed: bool = True
    request_id: str = ""
    rates: Rates | None = None

    @property
    def tokens(self) -> int:
        """In and out."""
        return self.prompt_tokens + self.completion_tokens

    def tokens_as(self, row: "Billed", *, cached: bool = True) -> bool:
        """Whether the bill has the same counts; what it does not tell of cached ones agrees."""
        same = (self.prompt_tokens, self.completion_tokens) == (
            row.prompt_tokens,
            row.completion_tokens,
        )
        if not cached or row.cached_tokens is None:
            return same
        return same and (self.cached_tokens or 0) == row.cached_tokens

    def seconds_from(self, moment: datetime) -> float:
        """How far outside of its time a moment lies; 0 within."""
        early = (self.began_at - moment).total_seconds()
        late = (moment - self.ended_at).total_seconds()
        return max(0.0, early, late)


@dataclass(frozen=True, slots=True)
class Billed:
    """A row of the relay's bill. `cost_nano_usd` is None where the bill tells tokens only."""

    line: int
    model: str
    at: datetime
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None = None
    cost_nano_usd: int | None = None
    request_id: str = ""

    @property
    def tokens(self) -> int:
        """In and out."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Match:
    """A try and its row. `second_try`: it came to nothing, and another one of its turn did not."""

    tried: Tried
    billed: Billed
    second_try: bool = False


@dataclass
class Matched:
    """All pairs, the rows that repeat a matched turn, and what neither side's other has."""

    pairs: list[Match] = field(default_factory=list)
    repeated: list[tuple[Billed, str]] = field(default_factory=list)
    theirs: list[Billed] = field(default_factory=list)
    ours: list[Tried] = field(default_factory=list)


def match(tried: Sequence[Tried], billed: Sequence[Billed], window_seconds: int) -> Matched:
    """Match every row with at most one try, and every try with at most one row."""
    ours = sorted(tried, key=lambda each: (each.began_at, each.subject, each.attempt))
    rows = sorted(billed, key=lambda each: (each.at, each.line))
    result = Matched()
    charged = {each.subject for each in ours if each.billed}
    ours, rows = _by_id(ours, rows, result)
    paid = [each for each in ours if each.billed]
    silent = [each for each in ours if not each.billed]
    paid, rows = _by_tokens(paid, rows, window_seconds, result)
    paid, rows = _alike(paid, rows, window_seconds, result, like_tokens=True)
    _, rows = _alike(silent, rows, window_seconds, result, like_tokens=False)
    result.ours = paid
    result.pairs = [
        replace(pair, second_try=not pair.tried.billed and pair.tried.subject in charged)
        for pair in result.pairs
    ]
    result.repeated, result.theirs = _repeating(rows, result.pairs, window_seconds)
    return result


def _by_id(
    ours: list[Tried], rows: list[Billed], result: Matched
) -> tuple[list[Tried], list[Billed]]:
    counts = Counter(each.request_id for each in ours)
    # A relay may give every answer the same id, or begin to count anew.
    named = {each.request_id: each for each in ours if counts[each.request_id] == 1}
    left = []
    taken = set()
    for row in rows:
        found = named.get(row.request_id) if row.request_id else None
        if found is None or found.model != row.model or found.seconds_from(row.at) > ID_SECONDS:
            left.append(row)
        else:
            del named[row.request_id]
            taken.add(id(found))
            result.pairs.append(Match(found, row))
    return [each for each in ours if id(each) not in taken], left


def _by_tokens(
    ours: list[Tried], rows: list[Billed], window_seconds: int, result: Matched
) -> tuple[list[Tried], list[Billed]]:
    """The same model and counts; of several the one nearest in time."""
    same: dict[tuple[str, int, int], list[Tried]] = defaultdict(list)
    for each in ours:
        same[each.model, each.prompt_tokens, each.completion_tokens].append(each)
    left, taken = [], set()
    for row in rows:
        queue = same[row.model, row.prompt_tokens, row.completion_tokens]
        near = [each for each in _near(queue, row) if each.seconds_from(row.at) <= window_seconds]
        if not near:
            left.append(row)
            continue
        found = min(near, key=lambda each: _distance(each, row))
        queue.remove(found)
        taken.add(id(found))
        result.pairs.append(Match(found, row))
    return [each for each in ours if id(each) not in taken], left


def _alike(
    ours: list[Tried],
    rows: list[Billed],
    window_seconds: int,
    result: Matched,
    *,
    like_tokens: bool,
) -> tuple[list[Tried], list[Billed]]:
    """The same model at the same time; the pairs that are most alike first."""
    models: dict[str, list[Tried]] = defaultdict(list)
    for each in ours:
        models[each.model].append(each)
    pairs = [
        (_unlikeness(each, row) if like_tokens else 0, *_distance(each, row), row.line, each, row)
        for row in rows
        for each in _near(models[row.model], row)
        if each.seconds_from(row.at) <= window_seconds and (not like_tokens or _is_like(each, row))
    ]
    taken: set[int] = set()
    for *_order, each, row in sorted(pairs, key=lambda pair: pair[:-2]):
        if id(each) not in taken and id(row) not in taken:
            taken |= {id(each), id(row)}
            result.pairs.append(Match(each, row))
    return (
        [each for each in ours if id(each) not in taken],
        [row for row in rows if id(row) not in taken],
    )


def _repeating(
    rows: list[Billed], pairs: list[Match], window_seconds: int
) -> tuple[list[tuple[Billed, str]], list[Billed]]:
    """Rows that ask once more, at nearly the same time, what a matched turn asked."""
    asked: dict[tuple[str, int], list[Match]] = defaultdict(list)
    for pair in pairs:
        asked[pair.billed.model, pair.billed.prompt_tokens].append(pair)
    repeated, left = [], []
    for row in rows:
        near = [
            (abs((pair.billed.at - row.at).total_seconds()), pair.billed.line, pair)
            for pair in asked[row.model, row.prompt_tokens]
        ]
        near = [each for each in near if each[0] <= window_seconds]
        if near:
            repeated.append((row, min(near, key=lambda each: each[:2])[2].tried.subject))
        else:
            left.append(row)
    return repeated, left


def _near(queue: list[Tried], row: Billed) -> Iterator[Tried]:
    """Those of a queue in order of time that begin nearest to a row."""
    at = bisect_left(queue, row.at, key=lambda each: each.began_at)
    yield from queue[max(0, at - CANDIDATES) : at + CANDIDATES]


def _distance(each: Tried, row: Billed) -> tuple[float, float, str, int]:
    begun = abs((each.began_at - row.at).total_seconds())
    return (each.seconds_from(row.at), begun, each.subject, each.attempt)


def _unlikeness(each: Tried, row: Billed) -> int:
    prompt = abs(each.prompt_tokens - row.prompt_tokens)
    return prompt + abs(each.completion_tokens - row.completion_tokens)


def _is_like(each: Tried, row: Billed) -> bool:
    """The prompt is what both sides know best; an answer may have been cut off anywhere."""
    larger = max(each.prompt_tokens, row.prompt_tokens)
    return abs(each.prompt_tokens - row.prompt_tokens) <= max(LIKE_PROMPT_TOKENS, larger // 2)
