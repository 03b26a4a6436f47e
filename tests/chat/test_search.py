"""Folding text and words for search."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.search import MAX_WORDS, fold, search_words


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Hello  World\n", "hello world"),
        ("Đường phố Hà Nội", "duong pho ha noi"),
        ("ĐƯỜNG", "duong"),
        ("Đường", "duong"),
        ("今天的天气很好", "今天的天气很好"),
        ("ＡＢＣ１２３", "abc123"),
        ("Straße", "strasse"),
        ("łódź", "lodz"),
        ("İstanbul", "istanbul"),
        ("ガギグ", "ガギグ"),
        ("한국어", "한국어"),
        ("50%_off\\", "50%_off\\"),
        ("a\u00a0b\u3000c", "a b c"),
        ("", ""),
    ],
)
def test_text_is_folded(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(), st.text())
def test_a_word_is_found_inside_whatever_surrounds_it_after_a_blank(left: str, right: str) -> None:
    assert "duong" in fold(f"{left} Đường {right}")


def test_words_are_not_repeated_and_bounded() -> None:
    assert search_words("Hà nội HA  nội") == ("ha", "noi")
    assert search_words("   ") == ()
    assert len(search_words(" ".join(map(str, range(100))))) == MAX_WORDS
