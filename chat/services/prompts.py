"""The prompt of a turn: the branch above it, newest first until the window is full."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection

from chat.models import Message
from chat.services.intents import Intent, PromptMessage
from chat.services.placing import Place

MESSAGE_OVERHEAD_BYTES = 16
"""Ceiling for the tokens a chat template adds around one message (role marks, separators)."""
PROMPT_OVERHEAD_BYTES = 64
"""Ceiling for what a template adds once: SmolLM2's own system text makes 31 tokens of "Hi"."""

CONTEXT_BYTES_PER_TOKEN = 2
"""A cautious guess: English has about 4, Vietnamese 2 with the vocabulary of a small model."""

CONTINUE_INSTRUCTION = (
    "Continue your last message exactly where it stops. Do not repeat anything and do not comment."
)

_BRANCH_SQL = """
WITH RECURSIVE branch(parent_id, role, content, total, depth) AS (
    SELECT parent_id, role, content, LENGTH(content), 1
    FROM chat_message WHERE id = %s
  UNION ALL
    SELECT m.parent_id, m.role, m.content, branch.total + LENGTH(m.content), branch.depth + 1
    FROM chat_message m JOIN branch ON m.id = branch.parent_id
    WHERE branch.total < %s
)
SELECT role, content, parent_id FROM branch ORDER BY depth
"""


class Prompt(NamedTuple):
    """What goes to the model, the longest answer it may give, and whether older messages of the
    branch were left out because they do not fit."""

    messages: tuple[PromptMessage, ...]
    max_tokens: int
    is_cut: bool


def prompt_at(place: Place, intent: Intent, context_tokens: int | None) -> Prompt:
    """The prompt of a turn: as much of the branch as its new text leaves room for."""
    window_bytes, max_tokens = window(
        context_tokens,
        intent.max_tokens or settings.TURNS.default_max_tokens,
        settings.TURNS.max_prompt_bytes,
    )
    content = None if place.question else intent.content
    new_bytes = len((content or "").encode()) + len(place.prefix.encode())
    above, is_cut = _branch(
        place.question.id if place.question else place.parent_id,
        max(0, window_bytes - new_bytes),
        keep_last=place.question is not None,
    )
    messages = build_prompt(above=above, content=content, prefix=place.prefix, system=intent.system)
    return Prompt(messages, max_tokens, is_cut)


def branch_above(
    message_id: UUID | None, max_bytes: int, *, keep_last: bool = True
) -> list[PromptMessage]:
    """The branch that ends in `message_id`, oldest first, cut to its newest `max_bytes` bytes.

    Walks up from the message, so the cost follows the window and not the conversation's size.
    Messages without text (answers that failed at once) are left out, and it begins with a person.
    With `keep_last` the last message is kept even when it alone is over the window: it is the one
    to be answered.
    """
    return _branch(message_id, max_bytes, keep_last=keep_last)[0]


def _branch(
    message_id: UUID | None, max_bytes: int, *, keep_last: bool
) -> tuple[list[PromptMessage], bool]:
    if message_id is None:
        return [], False
    key = message_id.hex if connection.vendor == "sqlite" else message_id
    with connection.cursor() as cursor:
        cursor.execute(_BRANCH_SQL, [key, max_bytes])
        newest_first = cursor.fetchall()
    kept: list[PromptMessage] = []
    left_bytes = max_bytes
    is_cut = bool(newest_first) and newest_first[-1][2] is not None
    for role, content, _parent in newest_first:
        left_bytes -= len(content.encode()) + MESSAGE_OVERHEAD_BYTES
        if left_bytes < 0 and (kept or not keep_last):
            is_cut = True
            break
        if content:
            kept.append(PromptMessage(role, content))
    while kept and kept[-1].role == Message.Role.ASSISTANT:
        kept.pop()
    kept.reverse()
    return kept, is_cut


def window(context_tokens: int | None, max_tokens: int, max_prompt_bytes: int) -> tuple[int, int]:
    """How many bytes of prompt and tokens of answer fit into a model's context.

    `context_tokens` is for both together, None where it is not known. The answer gets at most half.
    """
    if context_tokens is None:
        return max_prompt_bytes, max_tokens
    answer_tokens = min(max_tokens, context_tokens // 2)
    prompt_bytes = (context_tokens - answer_tokens) * CONTEXT_BYTES_PER_TOKEN
    return min(max_prompt_bytes, prompt_bytes), answer_tokens


def build_prompt(
    *, above: list[PromptMessage], content: str | None, prefix: str, system: str | None
) -> tuple[PromptMessage, ...]:
    """Join system text, branch, new message and the beginning that is to be continued."""
    prompt = [PromptMessage("system", system)] if system else []
    prompt += above
    if content is not None:
        prompt.append(PromptMessage(Message.Role.USER.value, content))
    if prefix:
        prompt += _going_on(prefix)
    return tuple(prompt)


def resumed_prompt(
    prompt: tuple[PromptMessage, ...], *, prefix: str, content: str
) -> tuple[PromptMessage, ...]:
    """The prompt that goes on from `content`, what came in answer to `prompt`, which itself had
    gone on from `prefix`, if from anything."""
    asked = prompt[: -len(_going_on(prefix))] if prefix else prompt
    return (*asked, *_going_on(prefix + content))


def _going_on(text: str) -> tuple[PromptMessage, ...]:
    return (
        PromptMessage(Message.Role.ASSISTANT.value, text),
        PromptMessage(Message.Role.USER.value, CONTINUE_INSTRUCTION),
    )


def prompt_ceiling_bytes(prompt: Iterable[PromptMessage]) -> int:
    """At most so many tokens: a byte-level tokenizer never makes more tokens than bytes. A picture
    counts as many as the settings say."""
    a_picture = settings.TURNS.picture_tokens
    return PROMPT_OVERHEAD_BYTES + sum(
        len(message.content.encode()) + MESSAGE_OVERHEAD_BYTES + message.images * a_picture
        for message in prompt
    )
