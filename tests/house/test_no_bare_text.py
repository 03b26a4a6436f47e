"""No text for people stands in a template or in the page's program outside the catalogues."""

import re

import pytest

from config.catalogues import sources

# Names, and what is engraved on keys: the same in every language.
SAME_EVERYWHERE = {"Tram", "Enter", "Shift", "Esc", "Ctrl", "K", "O"}
TRANSLATED = re.compile(r"{% *blocktranslate.*?endblocktranslate *%}", re.DOTALL)
TEMPLATE_COMMENT = re.compile(r"{% *comment *%}.*?{% *endcomment *%}", re.DOTALL)
# Blocks that fill a class attribute.
CLASSES = re.compile(r"{% block (?:body_class|coltype) %}[^{]*{% endblock %}")
TEMPLATE_MARKUP = re.compile(r"{#.*?#}|{%.*?%}|{{.*?}}", re.DOTALL)
HTML_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
SHOWN_ATTRIBUTE = re.compile(r'\b(?:title|alt|placeholder|aria-label|aria-description)="([^"]*)"')
TAG = re.compile(r"""<(?:"[^"]*"|'[^']*'|[^>"'])*>""", re.DOTALL)
WORD = re.compile(r"[^\W\d_]+")
ENTITY = re.compile(r"&#?\w+;")

LINE_COMMENT = re.compile(r"^\s*//.*$|\s//\s.*$", re.MULTILINE)
BLOCK_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
MARKED = re.compile(r"""\btn?\(\s*(?:"(?:[^"\\\n]|\\.)*"\s*,?\s*){1,2}""")
CALL = re.compile(r"""(?<![\w.$])tn?\(\s*(?P<first>[^\s])""")
# What a programmer reads, not a person.
FOR_PROGRAMMERS = re.compile(r"(?:new \w*Error|console\.\w+)\([^;]*;")
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"|`([^`]*)`')
# Two words beside each other of which the first begins as a sentence does.
SENTENCE = re.compile(r"(?:^|[ >])[A-Z][a-z]+,? [a-z]{2,}")


def bare_words(template: str) -> list[str]:
    """Words of a template that are shown as they stand."""
    text = template
    for left_out in (TRANSLATED, TEMPLATE_COMMENT, CLASSES, TEMPLATE_MARKUP, HTML_COMMENT):
        text = left_out.sub("", text)
    shown = [*SHOWN_ATTRIBUTE.findall(text), ENTITY.sub("", TAG.sub(" ", text))]
    return [word for part in shown for word in WORD.findall(part) if word not in SAME_EVERYWHERE]


def bare_sentences(code: str) -> list[str]:
    """Literals of a program that read like a text and are not given to `t` or `tn`."""
    code = LINE_COMMENT.sub("", BLOCK_COMMENT.sub("", code))
    code = MARKED.sub("(", FOR_PROGRAMMERS.sub("", code))
    literals = (double or back for double, back in LITERAL.findall(code))
    return [literal for literal in literals if SENTENCE.search(literal)]


def templates() -> list[tuple[str, str]]:
    return list(sources.files(sources.TEMPLATES, *sources.TEMPLATE_SUFFIXES))


def programs() -> list[tuple[str, str]]:
    return list(sources.files(sources.PROGRAMS, ".ts"))


def test_no_template_shows_a_bare_word() -> None:
    found = {path: words for path, text in templates() if (words := bare_words(text))}
    assert found == {}


def test_no_program_shows_a_bare_sentence() -> None:
    found = {path: texts for path, code in programs() if (texts := bare_sentences(code))}
    assert found == {}


def test_every_marked_text_is_written_out() -> None:
    """What is put together when it runs could not be found, and so not translated."""
    found = [
        f"{path}: {call.group()}"
        for path, code in programs()
        if not path.endswith("/words.ts")
        for call in CALL.finditer(LINE_COMMENT.sub("", BLOCK_COMMENT.sub("", code)))
        if call["first"] != '"'
    ]
    assert found == []


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("<p>Hello</p>", ["Hello"]),
        ('<a title="Go on">{% translate "x" %}</a>', ["Go", "on"]),
        ('<p class="big" data-action="click->x#y">{{ name }} · 2 · Tram</p>', []),
        ("{% blocktranslate %}Two words{% endblocktranslate %}{# Note #}&nbsp;", []),
        ('<input aria-label="{% translate "Search" %}">', []),
    ],
)
def test_the_template_lint_sees_what_is_shown(template: str, words: list[str]) -> None:
    assert bare_words(template) == words


@pytest.mark.parametrize(
    ("code", "texts"),
    [
        ('p.textContent = "Nothing was found";', ["Nothing was found"]),
        ('p.textContent = t("Nothing was found");', []),
        ('tn("One word here", "Many words here", n)', []),
        ('throw new Error("No such thing");', []),
        ("// Nothing was found\nconst a = 'x';", []),
        ('element("p", { class: "group-name quiet" })', []),
    ],
)
def test_the_program_lint_sees_what_reads_like_a_text(code: str, texts: list[str]) -> None:
    assert bare_sentences(code) == texts
