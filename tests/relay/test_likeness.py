"""Names that mean one model, and texts of one kind."""

import pytest

from chat.relay.likeness import same_model, text_kind


@pytest.mark.parametrize(
    ("asked", "echoed"),
    [
        ("gpt-4.1", ""),
        ("gpt-4.1", "gpt-4.1-2025-04-14"),
        ("gpt-4.1", "openai/GPT-4.1"),
        ("openai/gpt-4.1", "gpt-4.1"),
        ("gpt-4", "gpt-4-0613"),
        ("gpt-4-turbo", "gpt-4-turbo-2024-04-09"),
        ("gpt-4-turbo", "gpt-4-turbo-preview"),
        ("claude-3.5-sonnet", "claude-3-5-sonnet-20241022"),
        ("claude-haiku-3.5", "anthropic/claude-3-5-haiku-latest"),
        ("claude-sonnet-4.5", "claude-sonnet-4-5@20250929"),
        ("gemini-2.0-pro", "models/gemini-2.0-pro-exp-02-05"),
        ("gemini-1.5-pro", "gemini-1.5-pro-002"),
        ("deepseek-v3.2", "deepseek/deepseek-v3.2:free"),
    ],
)
def test_spellings_of_one_model_are_the_same(asked: str, echoed: str) -> None:
    assert same_model(asked, echoed)


@pytest.mark.parametrize(
    ("asked", "echoed"),
    [
        ("gpt-4.1", "gpt-4.1-mini"),
        ("gpt-4.1", "gpt-4.1-mini-2025-04-14"),
        ("gpt-4.1", "gpt-4"),
        ("gpt-4o", "gpt-4o-mini"),
        ("gpt-4", "gpt-3.5-turbo"),
        ("claude-opus-4", "claude-sonnet-4"),
        ("claude-sonnet-4.5", "claude-sonnet-4-20250514"),
        ("llama-3.1-70b", "llama-3.1-8b"),
        ("deepseek-v3.2", "deepseek-chat"),
    ],
)
def test_another_model_is_another_model(asked: str, echoed: str) -> None:
    assert not same_model(asked, echoed)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "ascii"),
        ("A tram leaves every ten minutes.", "ascii"),
        ("The naïve reader of a long English sentence finds one such word.", "ascii"),
        ("Xe điện rời bến mỗi mười phút.", "latin"),
        ("电车每十分钟发一班。", "han"),
        ("Трамвай ходит каждые десять минут.", "other"),
        ("| a | 1 |\n|---|---|\n| b | 2 |", "ascii-dense"),
        ("电车 | 10 | 20 | 30 | 40 |", "han-dense"),
    ],
)
def test_texts_are_sorted_by_script_and_signs(text: str, kind: str) -> None:
    assert text_kind(text) == kind
