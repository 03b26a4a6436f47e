"""Cuts text into token-like pieces: the demo relay's own, simple measure of a token.

One piece is one token, for prompts and for answers alike, so the usage it reports always agrees
with what it sent. A piece is at least one character, so a text never counts more tokens than it
has UTF-8 bytes.
"""

import re
from collections.abc import Iterable

_PIECE = re.compile(
    r"[\u3400-\u9fff]{1,2}"  # Chinese: one or two characters
    r"| ?[^\W\d_\u3400-\u9fff]{1,7}"  # letters, with the space before them
    r"| ?\d{1,3}"
    r"|\n+"
    r"|[^\S\n]+"
    r"|(?:_|[^\w\s]){1,2}"  # punctuation, marks, emoji
)


def cut(text: str) -> list[str]:
    """Cut a text into pieces; joined again they are the text, character for character."""
    return _PIECE.findall(text)


def count_prompt_tokens(contents: Iterable[str]) -> int:
    """Count the pieces of all message contents; roles and frames around them cost nothing."""
    return sum(len(cut(content)) for content in contents)
