"""Titles from first messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.services.titles import MAX_CHARACTERS, title_from

TITLES = [
    ("How do trams work?", "How do trams work?"),
    ("\n\n  # Plan for *today*\nmore", "Plan for today"),
    ("- [ ] **bold** and `code` and ~~old~~", "[ ] bold and code and old"),
    ("> quoted _words_ in snake_case_name", "quoted words in snake_case_name"),
    ("See [the docs](https://example.com/x) and ![a tram](t.png)", "See the docs and a tram"),
    ("```python\nprint(1)\n```", "print(1)"),
    ("---\nAfter a rule", "After a rule"),
    ("1. First\n2. Second", "First"),
    ("2 * 3 * 4 = 24", "2 * 3 * 4 = 24"),
    ("#!/bin/sh", "#!/bin/sh"),
    ("", ""),
    ("***", ""),
    ("a\u202eb\x00c", "a b c"),
    (
        "Please explain in detail how the electrification of tramways changed cities",
        "Please explain in detail how the electrification of…",
    ),
    (
        "Hãy giải thích thật chi tiết vì sao tàu điện làm thay đổi các thành phố lớn",
        "Hãy giải thích thật chi tiết vì sao tàu điện làm thay đổi…",
    ),
    ("电" * 100, "电" * 59 + "…"),
    ("请用 Python 写" + "电" * 100, "请用 Python 写" + "电" * 48 + "…"),
    ("x" * 100, "x" * 59 + "…"),
]


@pytest.mark.parametrize(("text", "title"), TITLES)
def test_a_title_is_the_first_line_in_plain_words(text: str, title: str) -> None:
    assert title_from(text) == title


@given(st.text(st.characters(), max_size=400))
def test_a_title_is_one_short_line_that_can_be_stored(text: str) -> None:
    title = title_from(text)
    assert len(title) <= MAX_CHARACTERS
    assert title == title.strip()
    assert len(title.splitlines()) <= 1
    title.encode()


def test_a_book_costs_no_more_than_its_beginning() -> None:
    assert title_from("*a" * 1_000_000).startswith("a")
