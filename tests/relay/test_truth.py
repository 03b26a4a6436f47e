"""The truth meter on simulated routes: real texts, real vocabularies, honest and other relays."""

import math
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec
import pytest
import toktok

from chat.relay.demo import repertoire
from chat.relay.likeness import text_kind
from chat.relay.truth import Answer, TruthState, judge

OURS = "o200k_base"
OTHERS = ("cl100k_base", "qwen3.5")
LANGUAGES = ("en", "vi", "zh")
TEXTS_EACH = 250
ANSWERS_DIR = Path(repertoire.__file__).parent / "answers"


class Text(msgspec.Struct, frozen=True):
    kind: str
    tokens: dict[str, int]


@cache
def texts(language: str) -> tuple[Text, ...]:
    """Pieces of the demo relay's answers, of 2 to 2,000 tokens."""
    rng = random.Random(language)
    sources = [path.read_text() for path in sorted(ANSWERS_DIR.glob(f"{language}-*.md"))]
    scale = 0.3 if language == "zh" else 1.0
    pieces = []
    for _ in range(TEXTS_EACH):
        length = int(scale * math.exp(rng.uniform(math.log(20), math.log(7000))))
        source = rng.choice(sources)
        while len(source) < length:
            source += "\n\n" + rng.choice(sources)
        start = rng.randrange(len(source) - length + 1)
        pieces.append(source[start : start + max(length, 4)])
    counts = {each: toktok.batch_count(pieces, each, threads=1) for each in (OURS, *OTHERS)}
    return tuple(
        Text(text_kind(piece), {each: max(1, counts[each][i]) for each in counts})
        for i, piece in enumerate(pieces)
    )


def answers(
    rng: random.Random,
    vocabulary: str = OURS,
    *,
    factor: float = 1.0,
    prompt_factor: float = 1.0,
    template_tokens: int = 3,
    shortest: bool = False,
    languages: tuple[str, ...] = LANGUAGES,
) -> Iterator[Answer]:
    """What a relay reports: with end marks now and then, and templates around each message; with
    `shortest` prompts every other prompt has a few words only."""
    language = rng.choice(languages)
    while True:
        if rng.random() < 0.3:
            language = rng.choice(languages)
        answer = rng.choice(texts(language))
        prompt = rng.choices(texts(language), k=rng.choice((1, 1, 2, 4, 8)))
        if shortest and rng.random() < 0.5:
            prompt = [min(rng.choices(texts(language), k=9), key=lambda text: text.tokens[OURS])]
        sent = sum(each.tokens[vocabulary] + 4 for each in prompt) + template_tokens
        yield Answer(
            prompt_tokens=math.ceil(sent * prompt_factor),
            completion_tokens=math.ceil((answer.tokens[vocabulary] + rng.randint(0, 1)) * factor),
            counted_prompt_tokens=sum(each.tokens[OURS] + 4 for each in prompt),
            counted_completion_tokens=answer.tokens[OURS],
            prompt_kind=prompt[-1].kind,
            completion_kind=answer.kind,
            exact=vocabulary == OURS,
        )


def alarm_after(state: TruthState, source: Iterator[Answer], most: int) -> int | None:
    """The number of the answer that raised an alarm."""
    return next((n for n in range(1, most + 1) if judge(state, next(source))), None)


@pytest.mark.parametrize("vocabulary", [OURS, *OTHERS])
def test_a_thousand_honest_answers_raise_no_alarm(vocabulary: str) -> None:
    for seed in range(5):
        source = answers(random.Random(seed), vocabulary)
        assert alarm_after(TruthState(), source, 1000) is None, seed


@pytest.mark.parametrize("template_tokens", [26, 300])
@pytest.mark.parametrize("vocabulary", OTHERS)
def test_a_template_of_many_tokens_around_every_prompt_raises_no_alarm(
    vocabulary: str, template_tokens: int
) -> None:
    for seed in range(4):
        source = answers(
            random.Random(seed),
            vocabulary,
            template_tokens=template_tokens,
            shortest=True,
            languages=("en",),
        )
        state = TruthState()
        assert alarm_after(state, source, 1000) is None, seed
        assert state.prompt.template_tokens == pytest.approx(template_tokens, abs=15)


def test_an_absurd_report_at_the_start_is_forgotten() -> None:
    source = answers(random.Random(5), "cl100k_base", shortest=True)
    state = TruthState()
    assert not judge(state, msgspec.structs.replace(next(source), prompt_tokens=10**9))
    assert alarm_after(state, source, 1000) is None


@pytest.mark.parametrize(
    "false", [{"factor": 1.2}, {"prompt_factor": 1.2}, {"factor": 1.2, "prompt_factor": 1.2}]
)
def test_a_fifth_more_is_noticed_within_20_answers(false: dict[str, float]) -> None:
    for seed in range(100):
        source = answers(random.Random(seed), **false)  # type: ignore[arg-type]
        found = alarm_after(TruthState(), source, 20)
        assert found is not None, seed


def test_a_drift_tells_its_size_and_which_count() -> None:
    state, source = TruthState(), answers(random.Random(1), factor=1.2)
    drifts = next(found for _ in range(20) if (found := judge(state, next(source))))
    assert [drift.stream for drift in drifts] == ["completion"]
    assert drifts[0].ratio == pytest.approx(1.2, abs=0.03)
    assert 5 <= drifts[0].answers <= 20


@pytest.mark.parametrize("vocabulary", OTHERS)
def test_a_vocabulary_that_is_not_ours_is_learned_and_then_a_change_noticed(
    vocabulary: str,
) -> None:
    delays = []
    for seed in range(40):
        state, rng = TruthState(), random.Random(seed)
        assert alarm_after(state, answers(rng, vocabulary), 200) is None
        delays.append(alarm_after(state, answers(rng, vocabulary, factor=1.2), 100) or 1000)
    assert sorted(delays)[len(delays) // 2] <= 20
    assert max(delays) <= 60


def test_a_relay_that_never_changes_is_believed_where_the_vocabulary_is_not_ours() -> None:
    # What cannot be detected, kept here so that nobody promises it.
    source = answers(random.Random(3), "cl100k_base", factor=1.2, languages=("en",))
    assert alarm_after(TruthState(), source, 300) is None


def test_another_model_behind_a_known_name_shows_by_its_vocabulary() -> None:
    found = []
    for seed in range(40):
        source = answers(random.Random(seed), "cl100k_base", languages=("vi", "zh"))
        swapped = (msgspec.structs.replace(answer, exact=True) for answer in source)
        found.append(alarm_after(TruthState(), swapped, 20))
    assert None not in found


def answer(reported: int, counted: int, reasoning: int = 0, prompt: int = 103) -> Answer:
    return Answer(prompt, reported, 100, counted, "ascii", "ascii", True, reasoning)


def test_end_marks_on_short_answers_never_add_up() -> None:
    state = TruthState()
    assert not any(judge(state, answer(6, 5)) for _ in range(1000))


def test_reasoning_may_be_shown_or_hidden_but_its_answer_still_counts() -> None:
    shown, hidden, false = TruthState(), TruthState(), TruthState()
    assert not any(judge(shown, answer(900, 900, 600)) for _ in range(100))
    assert not any(judge(hidden, answer(900, 300, 600)) for _ in range(100))
    assert any(judge(false, answer(600 + 360, 300, 600)) for _ in range(20))


def test_a_prompt_that_the_relay_adds_is_noticed() -> None:
    state = TruthState()
    assert any(judge(state, answer(100, 100, prompt=300)) for _ in range(20))


def test_one_absurd_answer_raises_nothing() -> None:
    state = TruthState()
    assert not judge(state, answer(10**9, 100))
    assert not any(judge(state, answer(100, 100)) for _ in range(100))
    assert state.completion.too_much == 0.0


def test_the_state_survives_as_json() -> None:
    state = TruthState()
    source = answers(random.Random(2), "cl100k_base")
    for _ in range(10):
        judge(state, next(source))
    again = msgspec.json.decode(msgspec.json.encode(state), type=TruthState)
    assert again == state
