"""What the lines of a batch say: their beginnings for a list, or one of them whole."""

from collections.abc import Iterable
from typing import Any

import msgspec
from django.db.models.functions import Left

from accounts.policy import NotVisible
from chat.models import Batch, BatchLine

SHOWN_CHARACTERS = 240
READ_CHARACTERS = 20_000
"""So much of a request is read for a list, to find the prompt in it."""


class LineTexts(msgspec.Struct, frozen=True):
    """What was asked and what was answered; both may be beginnings."""

    prompt: str
    answer: str


def beginnings_of(batch: Batch, numbers: Iterable[int]) -> dict[int, LineTexts]:
    """Return by line the beginnings of prompt and answer."""
    rows = BatchLine.objects.filter(batch=batch, number__in=list(numbers)).values_list(
        "number",
        Left("body", READ_CHARACTERS),
        Left("turn__assistant_message__content", SHOWN_CHARACTERS + 1),
        "turn__assistant_message__extras",
    )
    return {
        number: LineTexts(_cut(prompt_of(body)), _cut(_answer(content, extras)))
        for number, body, content, extras in rows
    }


def texts_of(batch: Batch, number: int) -> LineTexts:
    """Return one line's prompt and answer whole. Raises NotVisible where there is no such line."""
    rows = BatchLine.objects.filter(batch=batch, number=number)
    message = "turn__assistant_message__"
    found = rows.values_list("body", f"{message}content", f"{message}extras").first()
    if found is None:
        raise NotVisible
    body, content, extras = found
    return LineTexts(prompt_of(body), _answer(content, extras))


def prompt_of(body: str) -> str:
    """Return the text of a request's last message; of what is no request, what stands there."""
    try:
        content = msgspec.json.decode(body)["messages"][-1]["content"]
    except (msgspec.DecodeError, UnicodeError, RecursionError, LookupError, TypeError):
        return body
    if isinstance(content, str):
        return content
    parts: list[Any] = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str)) or body


def _answer(content: str | None, extras: Any) -> str:
    """The text; where there is none, what else was answered: a refusal, or calls of tools."""
    if content or not isinstance(extras, dict):
        return content or ""
    refusal = extras.get("refusal")
    if isinstance(refusal, str):
        return refusal
    return msgspec.json.format(msgspec.json.encode(extras)).decode() if extras else ""


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
