"""Admit what a program asks for: one turn of its own, with the whole prompt in its hands.

Nothing of the prompt is kept but what its settlement may need, and that only until the answer has
ended. The answer is kept so that the same request, repeated, gets it again.
"""

from collections.abc import Iterable
from dataclasses import replace

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounts.policy import Principal, require
from accounts.roles import Capability
from chat.models import Conversation, Message, Turn, TurnRequest
from chat.services.admission import admitted_of, hold_for, sent_before
from chat.services.alerts import tell_price_missing
from chat.services.errors import ContentInvalid, ModelUnpriced, RateLimited, TooManyTurns
from chat.services.intents import (
    Admitted,
    Completion,
    Models,
    PromptMessage,
    what_options_say,
)
from chat.services.model_choice import checked_model
from chat.services.prompts import prompt_ceiling_bytes
from chat.services.turn_limits import check_turn_limits


def start_completion(
    principal: Principal, completion: Completion, *, models: Models, node: str
) -> Admitted:
    """Store the turn that a program asks for and hold its worst cost, or refuse and store nothing.

    The same request again gives the same turn with `created` false. Raises a
    chat.services.errors.Refused, NotVisible or Forbidden.
    """
    require(principal, Capability.SEND_MESSAGE, principal.team_id)
    check_size(completion)
    try:
        with transaction.atomic():
            earlier = None if completion.is_new else _earlier(principal, completion)
            return earlier or _admit(principal, completion, models, node)
    except (IntegrityError, TooManyTurns, RateLimited):
        # The same request arrived twice at once and the other one was first.
        earlier = _earlier(principal, completion)
        if earlier is None:
            raise
        return earlier
    except ModelUnpriced as refused:
        # After the transaction: what is written within it is undone.
        tell_price_missing(refused.model)
        raise


def check_size(completion: Completion) -> None:
    """Raise ContentInvalid for a prompt that is longer than any may be."""
    size_bytes = prompt_ceiling_bytes(completion.prompt)
    limit_bytes = settings.TURNS.max_program_prompt_bytes
    if size_bytes > limit_bytes:
        raise ContentInvalid(
            f"The prompt has {size_bytes} bytes; at most {limit_bytes} are allowed. Shorten it.",
            path="$.messages",
            limit_bytes=limit_bytes,
        )


def _earlier(principal: Principal, completion: Completion) -> Admitted | None:
    earlier = sent_before(principal, completion.client_id, completion.payload_sha256)
    return None if earlier is None else replace(earlier, is_completion=True)


def _admit(principal: Principal, completion: Completion, models: Models, node: str) -> Admitted:
    model = checked_model(principal, completion.model, completion.asked_model, models)
    team_id = principal.team_id
    check_turn_limits(principal, team_id, batch=completion.source == "batch")
    conversation = Conversation.objects.create(
        team_id=team_id,
        owner_id=principal.user_id,
        source=completion.source,
        model=model,
        updated_at=Now(),
    )
    # The turn names it before it is there: references are checked at the commit.
    answer = Message(conversation=conversation, number=1, role=Message.Role.ASSISTANT, model=model)
    turn = Turn(
        conversation=conversation,
        team_id=team_id,
        requester_id=principal.user_id,
        api_key_id=principal.api_key_id,
        client_id=completion.client_id,
        payload_sha256=completion.payload_sha256,
        node=node,
        model=model,
        route=models.relay_names.get(model, ""),
        max_tokens=_max_tokens(completion, models.context_tokens.get(model)),
        temperature=completion.options.get("temperature"),
        assistant_message=answer,
    )
    told = (*completion.prompt, *what_options_say(completion.options))
    hold = hold_for(turn, told)
    answer.save(force_insert=True)
    turn.save(force_insert=True)
    TurnRequest.objects.create(turn=turn, prompt=_to_count(told))
    return admitted_of(
        turn,
        created=True,
        new_conversation=True,
        is_completion=True,
        prompt=completion.prompt,
        options=dict(completion.options),
        input_nano_usd_per_million=hold.input_nano_usd_per_million,
        output_nano_usd_per_million=hold.output_nano_usd_per_million,
        markup_basis_points=hold.markup_basis_points,
    )


def _max_tokens(completion: Completion, context_tokens: int | None) -> int:
    wanted = completion.max_tokens or settings.TURNS.default_max_tokens
    return wanted if context_tokens is None else min(wanted, context_tokens)


def _to_count(prompt: Iterable[PromptMessage]) -> bytes:
    """The prompt without what is only for the wire, pictures above all."""
    return msgspec.json.encode([replace(message, wire="") for message in prompt])
