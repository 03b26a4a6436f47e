"""How text is made comparable for search: one folding for what is stored and what is asked."""

import unicodedata

# Letters that are base letters with a stroke to a reader, but not to Unicode's decompositions.
_STROKES = str.maketrans({"đ": "d", "ð": "d", "ħ": "h", "ł": "l", "ø": "o", "ŧ": "t", "ı": "i"})

MAX_WORDS = 12
"""More words than these are not looked for: each costs a pass over the text."""


def fold(text: str) -> str:
    """Return `text` as search sees it: no case, no accents, white space as single blanks.

    Vietnamese loses its tones and the stroke of đ; Han, kana and hangul stay as they are. Full
    width and other compatibility forms become plain ones.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in decomposed if not _is_accent(letter))
    return " ".join(unicodedata.normalize("NFC", bare.casefold()).translate(_STROKES).split())


def _is_accent(letter: str) -> bool:
    # Kana's voicing marks make other syllables, not accented ones.
    return unicodedata.combining(letter) != 0 and letter not in "\u3099\u309a"


def search_words(query: str) -> tuple[str, ...]:
    """Return the words of `query`, folded, without repetition, at most `MAX_WORDS`.

    No text holds NUL, and PostgreSQL refuses to look for it: it parts words as a blank does.
    """
    return tuple(dict.fromkeys(fold(query.replace("\x00", " ")).split()))[:MAX_WORDS]
