"""Whether a relay counts and answers as it says: a sequential test over the answers of a route.

Each answer gives the logarithm of reported to counted tokens, for the prompt and for the answer.
Where our count is the model's own the expected value is 0. Elsewhere it is learned from the
route's first answers, for each kind of text by itself: another vocabulary cuts Chinese, Vietnamese
and code differently. Two CUSUM sums each (too much, too little) add up the log-likelihood ratio of
"a tenth (where learned, a fifth) more or less than expected" against "as expected".

Pure: plain values in, verdict out.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

ALARM = 13.0
"""A sum of log-likelihood ratios. Honest answers reach it less than once in e**13 = 440,000."""
MOST_PER_ANSWER = 2.6
"""So that no single odd answer raises an alarm: it takes five at least."""
ABSURD = 1.5
"""Logarithms beyond this one count as it."""

Stream = Literal["prompt", "completion"]


class _Noise(msgspec.Struct, frozen=True):
    """How far honest counts of n tokens may be from those expected.

    `ratio` and `per_root` (divided by the root of n) are standard deviations of the logarithm;
    where the spread is learned, `ratio` is its beginning.
    Up to `free_tokens` more than expected mean nothing (templates, end marks), and are a standard
    deviation as well. `shift` is the drift that is looked for; the sums grow from half of it on.
    """

    shift: float
    ratio: float
    per_root: float
    free_tokens: int

    def of_length(self, tokens: int) -> float:
        """The part of the variance that a longer text has less of."""
        return self.per_root**2 / tokens + (self.free_tokens / tokens) ** 2


EXACT: dict[Stream, _Noise] = {
    "prompt": _Noise(math.log(1.1), 0.02, 0.0, 8),
    "completion": _Noise(math.log(1.1), 0.02, 0.0, 2),
}
LEARNED: dict[Stream, _Noise] = {
    "prompt": _Noise(math.log(1.2), 0.12, 0.3, 30),
    "completion": _Noise(math.log(1.2), 0.10, 0.3, 1),
}
FIRST_VARIANCE = 0.5**2
"""Of what is expected of a kind of text before its first answer."""
LEARNED_VARIANCE = 0.04**2
"""Once this well known, what is expected of a kind of text hardly moves any more."""
SLOWEST_GAIN = 1 / 200
"""And still follows a slow change of what people write about."""
SPREAD_GAIN = 1 / 30
"""How fast the spread of a kind of text is learned, between the two bounds."""
LEAST_SPREAD = 0.07**2
MOST_SPREAD = 0.25**2
SHORT_PROMPT_TOKENS = 60
"""Prompts of about this length and shorter tell what a template adds to each of them."""
TEMPLATE_GAIN = 1 / 50
FIRST_ANSWERS = 10
MOST_TEMPLATE_TOKENS = 500.0
TEMPLATE_STEP = 60.0
"""A single answer beyond says no more, once some are known."""
MOST_DEVIATIONS = 4.0
"""A single answer beyond says no more about the spread."""


class Answer(msgspec.Struct, frozen=True):
    """One completed answer with the relay's report and our own counts, in tokens.

    `reasoning_tokens` are part of `completion_tokens`; their text may not have been shown, and is
    then not in our count. The kinds are those of `text_kind`. `exact`: our count is the model's.
    """

    prompt_tokens: int
    completion_tokens: int
    counted_prompt_tokens: int
    counted_completion_tokens: int
    prompt_kind: str
    completion_kind: str
    exact: bool
    reasoning_tokens: int = 0


class Expected(msgspec.Struct):
    """What is known of the logarithm for one kind of text."""

    mean: float = 0.0
    variance: float = FIRST_VARIANCE
    # Of the ratio from answer to answer.
    spread: float = 0.0


class Meter(msgspec.Struct):
    """Sums and expectations of one side of a route's answers; mutable, kept between answers."""

    too_much: float = 0.0
    too_little: float = 0.0
    kinds: dict[str, Expected] = {}
    # What the relay adds to each prompt however long it is: within the ratio it would make long
    # prompts look cut short.
    template_tokens: float = 0.0
    # Since the sums last began at 0, which is where a drift would have begun.
    answers: int = 0
    reported: int = 0
    expected: float = 0.0


class TruthState(msgspec.Struct):
    """All that is kept of a route between its answers.

    `learns`: somebody who knows the route takes its counts as right, though our own are exact.
    """

    prompt: Meter = msgspec.field(default_factory=Meter)
    completion: Meter = msgspec.field(default_factory=Meter)
    answers: int = 0
    other_echoes: float = 0.0
    accepted_echoes: list[str] = []
    learns: bool = False


class Drift(msgspec.Struct, frozen=True):
    """An alarm: `ratio` of reported tokens to those expected over the last `answers` answers."""

    stream: Stream
    ratio: float
    answers: int


def judge(state: TruthState, answer: Answer) -> tuple[Drift, ...]:
    """Take an answer into the state; returns the alarms it raises, after which the sums begin
    anew."""
    state.answers += 1
    exact = answer.exact and not state.learns
    template_tokens = 0.0 if exact else state.prompt.template_tokens
    drifts = (
        _weigh(
            state.prompt,
            "prompt",
            _log(answer.prompt_tokens - template_tokens, answer.counted_prompt_tokens),
            answer.counted_prompt_tokens,
            answer.prompt_kind,
            exact=exact,
        ),
        _weigh(
            state.completion,
            "completion",
            _completion_log(answer),
            answer.counted_completion_tokens,
            answer.completion_kind,
            exact=exact,
        ),
    )
    if not exact and answer.counted_prompt_tokens > 0:
        _learn_template(state, answer)
    return tuple(drift for drift in drifts if drift is not None)


def _learn_template(state: TruthState, answer: Answer) -> None:
    """Follow `template_tokens`: the shorter a prompt, the more of its surplus they are."""
    meter, tokens = state.prompt, answer.counted_prompt_tokens
    expected = tokens * math.exp(meter.kinds[answer.prompt_kind].mean) + meter.template_tokens
    bound = TEMPLATE_STEP if state.answers > 2 * FIRST_ANSWERS else MOST_TEMPLATE_TOKENS
    off = max(-bound, min(bound, answer.prompt_tokens - expected))
    gain = min(1.0, max(TEMPLATE_GAIN, FIRST_ANSWERS / state.answers))
    gain /= 1 + (tokens / SHORT_PROMPT_TOKENS) ** 2
    learned = meter.template_tokens + gain * off
    meter.template_tokens = max(0.0, min(MOST_TEMPLATE_TOKENS, learned))


def _completion_log(answer: Answer) -> float:
    """Whether the text of the reasoning was shown is not known: the nearer of both counts."""
    counted = answer.counted_completion_tokens
    shown = _log(answer.completion_tokens, counted)
    if not answer.reasoning_tokens:
        return shown
    hidden = _log(answer.completion_tokens - answer.reasoning_tokens, counted)
    # Some of it may have been shown: then the truth lies between, and nothing is known.
    return 0.0 if hidden < 0 < shown else min(shown, hidden, key=abs)


def _log(reported: float, counted: int) -> float:
    return math.log(max(reported, 1) / max(counted, 1))


def _weigh(
    meter: Meter, stream: Stream, log: float, tokens: int, kind: str, *, exact: bool
) -> Drift | None:
    if tokens <= 0:
        return None
    noise = (EXACT if exact else LEARNED)[stream]
    expected, variance = 0.0, noise.ratio**2 + noise.of_length(tokens)
    if not exact:
        known = meter.kinds.setdefault(kind, Expected(spread=noise.ratio**2))
        expected, own = known.mean, known.variance
        variance = known.spread + noise.of_length(tokens)
        _learn(known, log, noise.of_length(tokens))
        variance += own
    off = max(-ABSURD, min(ABSURD, _beyond(log - expected, noise.free_tokens / tokens)))
    meter.too_much = _grown(meter.too_much, off, noise.shift, variance)
    meter.too_little = _grown(meter.too_little, -off, noise.shift, variance)
    meter.answers += 1
    meter.reported += round(tokens * math.exp(min(log, 20.0)))
    meter.expected += tokens * math.exp(expected)
    if max(meter.too_much, meter.too_little) < ALARM:
        if meter.too_much == meter.too_little == 0.0:
            _begin(meter)
        return None
    drift = Drift(stream, meter.reported / max(meter.expected, 1.0), meter.answers)
    _begin(meter)
    return drift


def _beyond(off: float, free_share: float) -> float:
    """What is left of a surplus without the tokens that mean nothing."""
    return max(0.0, math.log(max(math.exp(off) - free_share, 1.0))) if 0 < off < ABSURD else off


def _grown(total: float, off: float, shift: float, variance: float) -> float:
    step = shift * (off - shift / 2) / variance
    return max(0.0, total + min(MOST_PER_ANSWER, step))


def _learn(known: Expected, log: float, of_length: float) -> None:
    """A Kalman filter of one constant and of its spread; it learns fast, then slowly."""
    noise = known.spread + of_length
    off = min((log - known.mean) ** 2, MOST_DEVIATIONS**2 * (noise + known.variance))
    spread = known.spread + SPREAD_GAIN * (off - known.variance - noise)
    known.spread = min(max(spread, LEAST_SPREAD), MOST_SPREAD)
    if known.variance > LEARNED_VARIANCE:
        gain = known.variance / (known.variance + noise)
        known.variance *= 1 - gain
    else:
        gain = min(SLOWEST_GAIN, LEARNED_VARIANCE / noise)
    known.mean += gain * (max(-ABSURD, min(ABSURD, log)) - known.mean)


def _begin(meter: Meter) -> None:
    meter.too_much = meter.too_little = meter.expected = 0.0
    meter.answers = meter.reported = 0
