"""Whether two names mean one model, and what kind of text a text is."""

from __future__ import annotations

import re

_DATE = re.compile(
    r"-(?:20\d{2}-?\d{2}-?\d{2}|20\d{2}-\d{2}|\d{2}-\d{2}|\d{2}-20\d{2}|\d{4}|\d{3})$"
)
_WORDS = frozenset(("latest", "preview", "exp", "experimental", "beta", "stable", "free"))
_PARTS = re.compile(r"[a-z]+|\d+")

_LOOKED_AT_CHARACTERS = 2000
_HAN_SHARE = 0.3
_LATIN_SHARE = 0.05
_DENSE_SHARE = 0.1
_SIGNS = re.compile(r"[0-9{}\[\]()<>|=_`*#/\\:;$+\-\"]")
_LETTERS = re.compile(r"[^\W\d_]")
_BEYOND_ASCII = re.compile(r"[^\W\d_a-zA-Z]")
_HAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_BEYOND_LATIN = re.compile(r"[^\W\d_a-zA-Z\u00c0-\u024f\u0300-\u036f\u1e00-\u1eff]")


def same_model(asked: str, echoed: str) -> bool:
    """Whether a relay that was asked for one model and names another means the same.

    Case, the provider before a slash, a date or version of three or more digits at the end, words
    such as `latest`, and the order of the parts (`claude-3-5-sonnet`, `claude-sonnet-3.5`) make no
    difference; `mini`, `turbo` and sizes do. An empty echo says nothing.
    """
    return not echoed or asked == echoed or _parts(asked) == _parts(echoed)


def text_kind(text: str) -> str:
    """Sort a text by script and by how much of it is signs and digits, such as `han-dense`.

    Texts of one kind are cut alike by one vocabulary. Looks at the first characters only.
    """
    text = text[:_LOOKED_AT_CHARACTERS]
    dense = "-dense" if len(_SIGNS.findall(text)) > _DENSE_SHARE * max(len(text), 1) else ""
    if text.isascii():
        return "ascii" + dense
    letters = max(len(_LETTERS.findall(text)), 1)
    if len(_HAN.findall(text)) > _HAN_SHARE * letters:
        return "han" + dense
    if len(_BEYOND_LATIN.findall(text)) > _HAN_SHARE * letters:
        return "other" + dense
    latin = len(_BEYOND_ASCII.findall(text)) > _LATIN_SHARE * letters
    return ("latin" if latin else "ascii") + dense


def _parts(name: str) -> list[str]:
    name = name.strip().lower().rsplit("/", 1)[-1].partition(":")[0].partition("@")[0]
    while (shorter := _shorter(name)) != name:
        name = shorter
    return sorted(_PARTS.findall(name))


def _shorter(name: str) -> str:
    """The name without one date or word at its end."""
    head, _, word = name.rpartition("-")
    if head and word in _WORDS:
        return head
    without = _DATE.sub("", name)
    return without or name
