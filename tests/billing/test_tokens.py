"""Counting tokens without the relay."""

import threading

import pytest

from billing.tokens import count_tokens, encoding_of, is_exact


@pytest.mark.parametrize(
    ("text", "model", "tokens"),
    [
        ("", "gpt-4.1", 0),
        ("hello world", "gpt-4.1", 2),
        ("hello world", "gpt-4", 2),
        # Counts that OpenAI's cookbook states for cl100k_base and o200k_base.
        ("antidisestablishmentarianism", "gpt-4", 6),
        ("antidisestablishmentarianism", "gpt-4o", 6),
        ("お誕生日おめでとう", "gpt-4", 9),
        ("お誕生日おめでとう", "gpt-4o", 8),
        ("<|endoftext|>", "gpt-4.1", 7),
    ],
)
def test_openai_models_are_counted_exactly(text: str, model: str, tokens: int) -> None:
    assert count_tokens(text, model) == tokens


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4.1", "o200k_base"),
        ("gpt-4o-mini", "o200k_base"),
        ("openai/gpt-4o", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("gpt-3.5-turbo", "cl100k_base"),
        ("claude-sonnet-4.5", "o200k_base"),
    ],
)
def test_each_model_has_its_vocabulary(model: str, encoding: str) -> None:
    assert encoding_of(model) == encoding


def test_a_count_for_other_makers_is_an_approximation() -> None:
    assert is_exact("gpt-4.1")
    assert not is_exact("claude-sonnet-4.5")
    assert count_tokens("Một, hai, ba. 一二三。", "claude-sonnet-4.5") > 0


def test_a_lone_surrogate_is_counted_not_fatal() -> None:
    assert count_tokens("a\ud83d", "gpt-4.1") == count_tokens("a\ufffd", "gpt-4.1")
    assert count_tokens("\ud83d\ude00", "gpt-4.1") == count_tokens("😀", "gpt-4.1")


def test_a_hostile_text_is_counted_quickly() -> None:
    assert count_tokens("a" * 200_000, "gpt-4.1") > 0


def test_threads_count_alike() -> None:
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda: counts.append(count_tokens("xin chào " * 500, "gpt-4.1")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(counts) == 8
    assert len(set(counts)) == 1
