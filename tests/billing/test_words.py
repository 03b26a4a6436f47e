"""What people read of refusals on pages is named for the catalogues, as it is raised."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import billing
from billing import errors, words
from billing.money import usd_to_nano

NAMED = {
    *words.CODE_REFUSALS,
    *words.AMOUNT_REFUSALS,
    *words.LIMIT_REFUSALS,
    *words.PRICE_REFUSALS,
    *words.AMOUNTS_WITH_FIGURES,
    *words.PRICES_WITH_FIGURES,
}
# Made of those about USD.
MADE_OF_OTHERS = {text.replace("USD", "CNY") for text in words.AMOUNTS_WITH_FIGURES}
SAID_ON_PAGES = {
    *("AmountInvalid", "LimitInvalid", "MarkupRefused", "PriceRefused", "RateInvalid"),
    "TrialRefused",
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
    assert set(_texts()) >= NAMED - MADE_OF_OTHERS


def test_no_refusal_of_a_form_is_made_of_figures_before_it_can_be_translated() -> None:
    named = NAMED | {None}
    for path in Path(billing.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in SAID_ON_PAGES:
                for text in node.args:
                    assert not isinstance(text, ast.JoinedStr), ast.unparse(node)
                    assert getattr(text, "value", None) in named or not isinstance(
                        text, ast.Constant
                    ), ast.unparse(node)


def test_a_refusal_with_figures_is_told_in_the_reader_s_language(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = {"USD %(amount)s has more than nine decimal places.": "USD %(amount)s: quá 9 chữ số."}
    monkeypatch.setattr(errors, "gettext", lambda text: known.get(text, text))
    with pytest.raises(errors.AmountInvalid) as refused:
        usd_to_nano("0.0000000001")
    assert str(refused.value) == "USD 0.0000000001 has more than nine decimal places."
    assert refused.value.told() == "USD 0.0000000001: quá 9 chữ số."
    # A percent sign in what was typed names no figure.
    with pytest.raises(errors.AmountInvalid, match="'5 %' is not an amount in USD"):
        usd_to_nano("5 %")
    assert errors.PriceUnknown("100 %s").told() == str(errors.PriceUnknown("100 %s"))


def test_every_refusal_of_a_code_is_named() -> None:
    kinds: list[type[errors.CodeRefused]] = [
        errors.CodeRefused,
        *errors.CodeRefused.__subclasses__(),
    ]
    assert {str(kind()) for kind in kinds} == set(words.CODE_REFUSALS)
