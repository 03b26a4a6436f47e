"""Admit a turn: one transaction that stores the messages and holds the worst cost."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.db.models.functions import Now

from accounts.policy import NotVisible, Principal, require
from accounts.roles import Capability
from billing.errors import BudgetExhausted, PriceUnknown
from billing.holds import HoldPlaced, place_hold
from chat.models import Conversation, ConversationSource, Message, Turn
from chat.search import fold
from chat.services.alerts import tell_price_missing
from chat.services.announcements import ConversationChange, announce
from chat.services.errors import (
    AnswerForgotten,
    BudgetTooSmall,
    ContentInvalid,
    IdempotencyMismatch,
    ModelUnpriced,
    RateLimited,
    TooManyTurns,
)
from chat.services.intents import Admitted, Intent, Models, PromptMessage
from chat.services.model_choice import model_for
from chat.services.placing import Place, find_place
from chat.services.prompts import prompt_at, prompt_ceiling_bytes
from chat.services.titles import title_from
from chat.services.turn_limits import check_turn_limits


def start_turn(principal: Principal, intent: Intent, *, models: Models, node: str) -> Admitted:
    """Store the turn that `intent` asks for and hold its worst cost, or refuse and store nothing.

    The same intent again gives the same turn with `created` false. Raises a
    chat.services.errors.Refused, NotVisible or Forbidden.
    """
    check_content(intent)
    try:
        with transaction.atomic():
            return sent_before(principal, intent.client_id, intent.sha256) or admit_at(
                find_place(principal, intent), principal, intent, models=models, node=node
            )
    except (IntegrityError, TooManyTurns, RateLimited):
        # The same send arrived twice at once and the other one was first.
        earlier = sent_before(principal, intent.client_id, intent.sha256)
        if earlier is None:
            raise
        return earlier
    except ModelUnpriced as refused:
        # After the transaction: what is written within it is undone.
        tell_price_missing(refused.model)
        raise


def check_content(intent: Intent) -> None:
    """Raise ContentInvalid for a text that nobody may send."""
    if intent.kind not in ("chat", "edit"):
        return
    limit = settings.TURNS.max_message_characters
    if not intent.content.strip():
        raise ContentInvalid("The message is empty. Write something first.", path="$.content")
    if len(intent.content) > limit:
        raise ContentInvalid(
            f"The message has {len(intent.content)} characters; at most {limit} are allowed. "
            "Shorten it or send it in parts.",
            path="$.content",
            limit_characters=limit,
        )
    if "\x00" in intent.content:
        raise ContentInvalid("The message contains a NUL character.", path="$.content")


def sent_before(principal: Principal, client_id: UUID, payload_sha256: str) -> Admitted | None:
    """The turn that a person asked for with this id before; None if she did not.

    Raises IdempotencyMismatch for something else, AnswerForgotten, NotVisible, Forbidden.
    """
    sent = Turn.objects.filter(requester_id=principal.user_id, client_id=client_id)
    # Hardly ever is it there, and a look without reading it takes half as long.
    if not sent.exists():
        return None
    turn = sent.select_related("conversation").get()
    # Who sends again gets the answer to read: so the rights of today count, not those of then.
    require(principal, Capability.SEND_MESSAGE, turn.team_id)
    if turn.conversation.deleted_at is not None:
        raise NotVisible
    if turn.payload_sha256 != payload_sha256:
        raise IdempotencyMismatch
    if turn.conversation.forgotten_at is not None:
        raise AnswerForgotten
    return admitted_of(turn, created=False)


def admitted_of(turn: Turn, **extra: Any) -> Admitted:
    """The turn as the engine takes it; `extra` are further fields of Admitted."""
    return Admitted(
        turn_id=turn.id,
        conversation_id=turn.conversation_id,
        team_id=turn.team_id,
        user_message_id=turn.user_message_id,
        assistant_message_id=turn.assistant_message_id,
        epoch=turn.epoch,
        model=turn.model,
        hold_nano_usd=turn.hold_nano_usd,
        state=turn.state,
        requester_id=turn.requester_id,
        node=turn.node,
        max_tokens=turn.max_tokens,
        temperature=turn.temperature,
        created_at=turn.created_at,
        **extra,
    )


def admit_at(
    place: Place, principal: Principal, intent: Intent, *, models: Models, node: str
) -> Admitted:
    """Store a turn at a place, within the caller's transaction that locks the conversation.

    Raises as `start_turn`.
    """
    conversation = place.conversation
    model = model_for(principal, intent, conversation, models)
    prompt, max_tokens, _cut = prompt_at(place, intent, models.context_tokens.get(model))
    turn = Turn(
        conversation=conversation,
        team_id=conversation.team_id,
        requester_id=principal.user_id,
        api_key_id=principal.api_key_id,
        client_id=intent.client_id,
        payload_sha256=intent.sha256,
        node=node,
        model=model,
        route=models.relay_names.get(model, ""),
        max_tokens=max_tokens,
        temperature=intent.temperature,
    )
    check_turn_limits(principal, conversation.team_id)
    hold = hold_for(turn, prompt)
    _write_messages(turn, place, intent, principal)
    return admitted_of(
        turn,
        created=True,
        new_conversation=place.new_conversation,
        title=conversation.title,
        prompt=prompt,
        prefix=place.prefix,
        top_p=intent.top_p,
        input_nano_usd_per_million=hold.input_nano_usd_per_million,
        output_nano_usd_per_million=hold.output_nano_usd_per_million,
        markup_basis_points=hold.markup_basis_points,
    )


def hold_for(turn: Turn, prompt: tuple[PromptMessage, ...]) -> HoldPlaced:
    """Hold the worst cost of a turn that is about to be stored, and note on it what was held.

    Raises ModelUnpriced, BudgetTooSmall.
    """
    by_people = turn.conversation.source == ConversationSource.PAGE
    try:
        hold = place_hold(
            team_id=turn.team_id,
            person_id=turn.requester_id,
            subject=turn.subject,
            model=turn.model,
            prompt_bytes=prompt_ceiling_bytes(prompt),
            max_tokens=turn.max_tokens,
            # What programs ask is not told apart by conversation: each has but one answer.
            conversation_id=turn.conversation_id if by_people else None,
            api_key_id=turn.api_key_id,
        )
    except PriceUnknown:
        raise ModelUnpriced(turn.model) from None
    except BudgetExhausted as error:
        raise BudgetTooSmall(f"{error} Nothing was sent or charged.", **_figures(error)) from None
    turn.max_tokens, turn.hold_nano_usd = hold.max_tokens, hold.amount_nano_usd
    return hold


def _figures(error: BudgetExhausted) -> dict[str, Any]:
    starts_afresh = error.next_start
    return {
        "remaining_nano_usd": error.remaining_nano_usd,
        "needed_nano_usd": error.needed_nano_usd,
        "scope": error.scope,
        "period": error.period,
        "starts_afresh": None if starts_afresh is None else starts_afresh.isoformat(),
    }


def _write_messages(turn: Turn, place: Place, intent: Intent, principal: Principal) -> None:
    conversation, question = place.conversation, place.question
    number = 0 if place.new_conversation else _last_number(conversation)
    new = []
    if question is None:
        number += 1
        question = Message(
            conversation=conversation,
            parent_id=place.parent_id,
            number=number,
            role=Message.Role.USER,
            author_id=principal.user_id,
            content=intent.content,
            search_text=fold(intent.content),
        )
        new.append(question)
    answer = Message(
        conversation=conversation,
        parent=question,
        number=number + 1,
        role=Message.Role.ASSISTANT,
        model=turn.model,
        content=place.prefix,
    )
    conversation.leaf, conversation.model = answer, turn.model
    conversation.updated_at = Now()
    # It names its leaf before that is there: references are checked at the commit.
    if place.new_conversation:
        conversation.title = title_from(intent.content)
        conversation.save(force_insert=True)
        _announce(conversation, principal)
    else:
        conversation.save(update_fields=["leaf", "model", "updated_at"])
    Message.objects.bulk_create([*new, answer])
    turn.user_message, turn.assistant_message = question, answer
    turn.save(force_insert=True)


def _last_number(conversation: Conversation) -> int:
    last: int | None = conversation.messages.aggregate(last=Max("number"))["last"]
    return last or 0


def _announce(conversation: Conversation, principal: Principal) -> None:
    """Let the lists of the team show a new conversation."""
    announce(
        ConversationChange(
            conversation_id=conversation.id,
            team_id=conversation.team_id,
            by_user_id=principal.user_id,
            change="title",
            title=conversation.title,
        )
    )
