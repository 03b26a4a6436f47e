"""Find the texts to translate in our Python, templates and TypeScript.

Message ids are the English texts. Babel reads the programs; Django turns a template into something
that Babel can read. GNU gettext is not needed.
"""

import io
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from django.utils.translation.template import templatize

from config.options import BASE_DIR

SERVER, PAGE = "django", "djangojs"
"""The domains: texts that the server renders, and texts of the page's program."""

PYTHON_FLOORS = ("accounts", "billing", "chat", "config")
TEMPLATES = ("templates",)
# Pages, and what is sent by mail.
TEMPLATE_SUFFIXES = (".html", ".txt")
PROGRAMS = ("frontend/src",)

Words = Mapping[str, Any]
"""A function that marks a text -> which of its arguments are texts, as Babel wants it told."""

SERVER_WORDS: Words = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
PAGE_WORDS: Words = {"t": None, "tn": (1, 2)}
# TypeScript's <type> is no tag of JSX.
OPTIONS = {"encoding": "utf-8", "jsx": False}
COMMENT_TAGS = ("Translators:",)
INDENT = re.compile(r"^[ \t]+", re.MULTILINE)


class Text(NamedTuple):
    """One text to translate, and where it is written."""

    message: str | tuple[str, ...]
    """The English text; singular and plural where it counts."""
    context: str | None
    comments: tuple[str, ...]
    path: str


@cache
def found(domain: str) -> Catalog:
    """Return every text of `domain` that our sources contain, untranslated, with its files.

    Read once in a process: nobody changes what is returned.
    """
    catalog = Catalog()
    for text in _texts(domain):
        catalog.add(
            text.message,
            context=text.context,
            locations=[(text.path, 1)],
            auto_comments=text.comments,
        )
    return catalog


def in_python(code: str, path: str) -> Iterator[Text]:
    """Find the texts of a Python module."""
    return _extracted("python", code, path, SERVER_WORDS)


def in_template(template: str, path: str) -> Iterator[Text]:
    """Find the texts of a Django template."""
    # Indented as HTML is, it could not be read as Python.
    return in_python(INDENT.sub("", templatize(template, path)), path)


def in_program(code: str, path: str) -> Iterator[Text]:
    """Find the texts of a TypeScript module."""
    return _extracted("javascript", code, path, PAGE_WORDS)


def files(places: tuple[str, ...], *suffixes: str) -> Iterator[tuple[str, str]]:
    """Yield (path, content) of our own files that end in one of `suffixes`, sorted by path."""
    for place in places:
        for file in sorted((BASE_DIR / place).rglob("*")):
            if (
                file.suffix in suffixes
                and "migrations" not in file.parts
                and ".generated." not in file.name
            ):
                yield file.relative_to(BASE_DIR).as_posix(), file.read_text(encoding="utf-8")


def _texts(domain: str) -> Iterator[Text]:
    if domain == PAGE:
        for path, content in files(PROGRAMS, ".ts"):
            yield from in_program(content, path)
        return
    for path, content in files(PYTHON_FLOORS, ".py"):
        yield from in_python(content, path)
    for path, content in files(TEMPLATES, *TEMPLATE_SUFFIXES):
        yield from in_template(content, path)


def _extracted(method: str, code: str, path: str, words: Words) -> Iterator[Text]:
    for _line, message, comments, context in extract(
        method, io.BytesIO(code.encode()), words, COMMENT_TAGS, OPTIONS, strip_comment_tags=True
    ):
        yield Text(message, context, tuple(comments), path)
