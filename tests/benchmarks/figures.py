"""From what a client received to figures. Pure: no clock, no network."""

import re
from collections.abc import Iterable, Sequence
from statistics import median

import msgspec

TOKEN = re.compile(rb"#(\d+):(\d+) ")
READ_AT = re.compile(rb"@(\d+) ")
NS_PER_MS = 1_000_000

Received = Sequence[tuple[int, bytes]]


class Spread(msgspec.Struct, frozen=True):
    """Percentiles of a set of times in milliseconds."""

    p50_ms: float
    p99_ms: float
    count: int

    @property
    def text(self) -> str:
        return f"{self.p50_ms:.1f} / {self.p99_ms:.1f}"


class Token(msgspec.Struct, frozen=True):
    """One token's way: written by the relay, read by the client."""

    index: int
    sent_ns: int
    received_ns: int


class Window(msgspec.Struct, frozen=True):
    """A stretch of steady load."""

    begin_ns: int
    end_ns: int
    server_cpu_seconds: float
    load_cpu_seconds: float


class Stretch(msgspec.Struct, frozen=True):
    """The figures of one window."""

    added: Spread
    tokens_received: int
    server_cpu_share: float
    load_cpu_share: float
    cpu_seconds_per_million: float


def spread(times_ns: Iterable[int]) -> Spread:
    """Sum times up; raises ValueError when there are none."""
    ordered = sorted(times_ns)
    if not ordered:
        raise ValueError("nothing was measured")
    last = len(ordered) - 1
    p50, p99 = ordered[round(last * 0.5)], ordered[round(last * 0.99)]
    return Spread(round(p50 / NS_PER_MS, 3), round(p99 / NS_PER_MS, 3), len(ordered))


def tokens_in(frames: Received) -> list[Token]:
    """The tokens of one answer, each when it first arrived (a snapshot repeats them).

    Raises ValueError when one is missing between others.
    """
    tokens: list[Token] = []
    for received_ns, payload in frames:
        for index, sent_ns in TOKEN.findall(payload):
            number = int(index)
            if number == len(tokens):
                tokens.append(Token(number, int(sent_ns), received_ns))
            elif number > len(tokens):
                raise ValueError(f"token {len(tokens)} never came, but {number} did")
    return tokens


def added_to_first_token_ns(asked_ns: int, frames: Received) -> int:
    """From asking to the first token, without the time that the relay took itself."""
    first = tokens_in(frames)[0]
    read = next(found for _, payload in frames if (found := READ_AT.search(payload)))
    return first.received_ns - asked_ns - (first.sent_ns - int(read[1]))


def stretch(answers: Sequence[Sequence[Token]], window: Window) -> Stretch:
    """What happened to the tokens that the relay wrote, and the client read, within a window."""
    begin, end = window.begin_ns, window.end_ns
    added = spread(
        token.received_ns - token.sent_ns
        for tokens in answers
        for token in tokens
        if begin <= token.sent_ns < end
    )
    received = sum(begin <= token.received_ns < end for tokens in answers for token in tokens)
    seconds = (end - begin) / 10**9
    return Stretch(
        added,
        received,
        round(window.server_cpu_seconds / seconds, 3),
        round(window.load_cpu_seconds / seconds, 3),
        round(window.server_cpu_seconds / max(1, received) * 10**6, 1),
    )


def middle(stretches: Sequence[Stretch]) -> Stretch:
    """The medians of several windows, figure by figure."""
    return Stretch(
        Spread(
            median(each.added.p50_ms for each in stretches),
            median(each.added.p99_ms for each in stretches),
            sum(each.added.count for each in stretches),
        ),
        sum(each.tokens_received for each in stretches),
        median(each.server_cpu_share for each in stretches),
        median(each.load_cpu_share for each in stretches),
        median(each.cpu_seconds_per_million for each in stretches),
    )
