"""The title of a conversation, taken from its first message without asking a model."""

import re
import unicodedata

MAX_CHARACTERS = 60
_SHORTEST_CUT = 20
"""A cut at a word boundary may not leave less; a longer first word is cut by characters."""

_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_BLOCK_MARK = re.compile(r"^(?:\s*(?:#{1,6}|>|[-*+]|\d{1,3}[.)])\s+)+")
_RULE = re.compile(r"^\s*(?:[-*_=]\s*){3,}$|^\s*(?:```|~~~).*$|^\s*\|?[\s:|-]+\|[\s:|-]*$")
_EMPHASIS = re.compile(r"(\*{1,3}|~~|(?<!\w)_{1,3})(?=\S)(.+?)(?<=\S)\1")
_CODE = re.compile(r"`+([^`]+)`+")
# Control characters, marks without width, and those that turn the direction of writing.
_UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+"
)


def title_from(text: str) -> str:
    """Return the first line of `text` that says something, without Markdown marks.

    At most 60 characters, cut between words; text without blanks, as Chinese, by characters.
    Empty when there is nothing to read.
    """
    # Only the beginning is looked at: the text may be as long as a book.
    for line in text[:1000].splitlines():
        title = _plain(line)
        if title:
            return _shortened(title)
    return ""


def clean_title(title: str) -> str:
    """Return `title` on one line, without what cannot be seen, composed as screens expect."""
    return unicodedata.normalize("NFC", " ".join(_UNSEEN.sub(" ", title).split()))


def _plain(line: str) -> str:
    line = clean_title(line)
    if _RULE.match(line):
        return ""
    line = _CODE.sub(r"\1", _LINK.sub(r"\1", _BLOCK_MARK.sub("", line)))
    return _EMPHASIS.sub(r"\2", _EMPHASIS.sub(r"\2", line)).strip()


def _shortened(title: str) -> str:
    if len(title) <= MAX_CHARACTERS:
        return title
    # One character is for the ellipsis.
    end = MAX_CHARACTERS - 1
    while end > 0 and _is_within_word(title, end):
        end -= 1
    if end < _SHORTEST_CUT:
        end = MAX_CHARACTERS - 1
    return title[:end].rstrip(" ,;:.-–—、，。；：") + "…"


def _is_within_word(title: str, position: int) -> bool:
    return _is_spaced(title[position - 1]) and _is_spaced(title[position])


def _is_spaced(character: str) -> bool:
    """Whether the character belongs to words that blanks set apart: not so Han and kana."""
    name = unicodedata.name(character, "")
    if name.startswith(("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER")):
        return False
    return character.isalnum() or unicodedata.combining(character) != 0 or character in "'’_"
