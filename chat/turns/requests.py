"""What a turn asks of a relay: at first, and after a stream that broke."""

from billing.tokens import count_tokens
from chat.relay.gates import Claim
from chat.relay.types import ChatRequest, RelayMessage
from chat.services.intents import Admitted, PromptMessage
from chat.services.prompts import CONTEXT_BYTES_PER_TOKEN, prompt_ceiling_bytes, resumed_prompt
from chat.turns.allowance import Allowance

LEAST_RESUMED_TOKENS = 32
"""A prompt is not paid for again to get less."""


def first_request(admitted: Admitted) -> ChatRequest:
    """The request for the whole answer."""
    return _request(admitted, admitted.prompt, admitted.max_tokens)


def resumed_request(
    admitted: Admitted, allowance: Allowance, content: str, generated: str
) -> ChatRequest | None:
    """The request for the rest of an answer of which `content` came; None where its length or its
    hold leave no room for more. The allowance counts the new prompt as sent.

    `generated` is all text that came, reasoning too.
    """
    if admitted.is_completion:
        # A program asked the model itself: what it gets is one answer to its own prompt.
        return None
    prompt = resumed_prompt(admitted.prompt, prefix=admitted.prefix, content=content)
    allowance.send_also(prompt)
    wanted = admitted.max_tokens - count_tokens(generated, admitted.model)
    max_tokens = min(wanted, allowance.tokens_left(generated))
    if max_tokens < LEAST_RESUMED_TOKENS:
        return None
    return _request(admitted, prompt, max_tokens)


def claim_of(admitted: Admitted) -> Claim:
    """Who asks, and with a prompt of how many tokens, cautiously guessed."""
    # A person's batches and programs stand in line beside her, not before her.
    person_id = -admitted.requester_id if admitted.is_completion else admitted.requester_id
    return Claim(
        turn_id=admitted.turn_id,
        person_id=person_id,
        team_id=admitted.team_id,
        tokens=prompt_ceiling_bytes(admitted.prompt) // CONTEXT_BYTES_PER_TOKEN,
    )


def _request(admitted: Admitted, prompt: tuple[PromptMessage, ...], max_tokens: int) -> ChatRequest:
    return ChatRequest(
        model=admitted.model,
        messages=tuple(RelayMessage(m.role, m.content, m.wire, m.images) for m in prompt),
        max_tokens=max_tokens,
        temperature=admitted.temperature,
        extra=admitted.options | ({} if admitted.top_p is None else {"top_p": admitted.top_p}),
    )
