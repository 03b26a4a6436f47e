"""Chooses one of the written answers for a prompt: by its language, its words, and the model."""

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Literal

Kind = Literal["hello", "code", "table", "math", "long", "short"]
Language = Literal["en", "vi", "zh"]

_ANSWERS = Path(__file__).parent / "answers"
_HAN = re.compile(r"[\u3400-\u9fff]")
_JAPANESE = re.compile(r"[\u3040-\u30ff]")
# Letters that Vietnamese has and its neighbours in Latin script do not.
_VIETNAMESE = re.compile(r"[ăđơưĂĐƠƯ\u1ea0-\u1ef9]")
_WORDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("table", re.compile(r"\btables?\b|\bcompar|\bbảng\b|so sánh|表格|对比|比较", re.I)),
    (
        "code",
        re.compile(
            r"\bcode\b|\bpython\b|\bsql\b|\bbash\b|\bscripts?\b|\bfunctions?\b"
            r"|\bmã\b|lập trình|代码|程序|脚本|函数",
            re.I,
        ),
    ),
    (
        "math",
        re.compile(
            r"\bmaths?\b|\bformulas?\b|\bequations?\b|\bintegrals?\b"
            r"|\btoán\b|công thức|phương trình|数学|公式|方程|积分",
            re.I,
        ),
    ),
    ("long", re.compile(r"\blong\b|\bessay\b|\bin detail\b|\bdài\b|chi tiết|长篇|详细|文章", re.I)),
    ("short", re.compile(r"\bshort|\bbrief|\bngắn\b|tóm tắt|简短|简单|一句", re.I)),
)


def language_of(text: str) -> Language:
    """Guess the language from the letters: Vietnamese, Chinese, else English."""
    text = unicodedata.normalize("NFC", text)
    if _HAN.search(text) and not _JAPANESE.search(text):
        return "zh"
    return "vi" if _VIETNAMESE.search(text) else "en"


def kind_of(text: str, otherwise: Kind) -> Kind:
    """Find the kind of answer that the words of a prompt ask for."""
    text = unicodedata.normalize("NFC", text)
    return next((kind for kind, words in _WORDS if words.search(text)), otherwise)


@cache
def _written(name: str) -> str:
    return (_ANSWERS / f"{name}.md").read_text(encoding="utf-8").strip()


def answer_to(prompt: str, favourite: Kind, model: str) -> str:
    """Give the answer for a prompt in the prompt's language, `{model}` filled in."""
    language = language_of(prompt)
    text = _written(f"{language}-{kind_of(prompt, favourite)}")
    return text.replace("{model}", model)


def reasoning_for(prompt: str) -> str:
    """Give the reasoning shown before an answer, in the prompt's language."""
    return _written(f"{language_of(prompt)}-reasoning")


def rest_after(answer: str, prefix: str) -> str:
    """Give what of the answer follows a prefix that the client sent back to be continued."""
    for begun in (prefix, prefix.rstrip()):
        if begun and answer.startswith(begun):
            return answer[len(begun) :]
    return answer
