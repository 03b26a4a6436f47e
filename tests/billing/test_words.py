"""What people read of refusals on pages is named for the catalogues, as it is raised."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import billing
from billing import errors, words

NAMED = {
    *words.CODE_REFUSALS,
    *words.AMOUNT_REFUSALS,
    *words.LIMIT_REFUSALS,
    *words.PRICE_REFUSALS,
}


def _texts() -> Iterator[str]:
    """Every text of the modules that refuse, and what errors say by themselves."""
    for path in Path(billing.__file__).parent.glob("*.py"):
        if path.name == "words.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield inspect.cleandoc(node.value)


def test_every_refusal_that_is_named_is_still_raised_in_these_words() -> None:
    assert set(_texts()) >= NAMED


def test_every_refusal_of_a_code_is_named() -> None:
    kinds: list[type[errors.CodeRefused]] = [
        errors.CodeRefused,
        *errors.CodeRefused.__subclasses__(),
    ]
    assert {str(kind()) for kind in kinds} == set(words.CODE_REFUSALS)
