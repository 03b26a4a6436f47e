"""A line of a batch as what is to be answered."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from chat.completions import read_request
from chat.services.intents import Completion, Models, PromptMessage
from chat.turns.relays import directory

UNKEYED = UUID(int=0)
"""The key of a line's turn is given where its try is counted."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a line asks, and what admission needs to know of the models."""

    completion: Completion
    models: Models


async def question_of(body: str) -> Question:
    """Read a line's request. Raises ProgramError, and RelayError where nobody offers its model or
    no relay tells what it offers."""
    asked = read_request(body)
    relays = directory()
    model = (await relays.route(asked.model)).model
    completion = Completion(
        client_id=UNKEYED,
        model=model,
        asked_model=asked.model,
        prompt=tuple(PromptMessage(m.role, m.content, m.wire, m.images) for m in asked.prompt),
        payload_sha256=hashlib.sha256(body.encode()).hexdigest(),
        source="batch",
        max_tokens=asked.max_tokens,
        options=asked.options,
    )
    return Question(completion, await relays.models())
