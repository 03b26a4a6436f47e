"""What a message may cost, told before it is sent: the prompt counted, the answer as a range."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from accounts.policy import NotVisible, Principal, require
from accounts.roles import Capability
from billing.answer_lengths import AnswerLengths, answer_lengths
from billing.holds import MIN_MAX_TOKENS
from billing.room import Room, room_of
from billing.selling import Selling, SellingRates
from billing.tokens import is_exact
from chat.models import Conversation, Message, ModelVisibility
from chat.queries.conversations import conversation_for
from chat.queries.model_list import OfferLike
from chat.services.admission import check_content
from chat.services.attempts import count_prompt
from chat.services.errors import ModelUnpriced
from chat.services.intents import Intent, Models
from chat.services.model_choice import model_for
from chat.services.placing import Place
from chat.services.prompts import Prompt, prompt_at, prompt_ceiling_bytes


class AnswerRange(Struct, frozen=True):
    """Tokens the answer may have; `whose` past answers say so, and how many those were."""

    low_tokens: int
    typical_tokens: int
    high_tokens: int
    whose: str
    turns: int


class CheaperModel(Struct, frozen=True):
    """A model at no more than half the price for the same, and what that costs at most."""

    model: str
    name: str
    high_nano_usd: str


class Estimate(Struct, frozen=True):
    """What a message may cost. Amounts are whole nano-USD as text.

    `exact`: the prompt's tokens are counted as the model counts them. `is_cut`: older messages do
    not fit and are left out. `worst_nano_usd` is what is set aside before sending, `left_of` the
    name of the budget that leaves least. `verdict`: the message `fits`, its answer is to be
    `shortened` to `max_tokens`, or it would be `refused` for want of budget.
    """

    model: str
    prompt_tokens: int
    exact: bool
    is_cut: bool
    prompt_nano_usd: str
    answer: AnswerRange
    low_nano_usd: str
    high_nano_usd: str
    worst_nano_usd: str
    left_nano_usd: str
    left_of: str
    verdict: Literal["fits", "shortened", "refused"]
    max_tokens: int
    cheaper: CheaperModel | None


def estimate(
    principal: Principal, intent: Intent, models: Models, offers: Iterable[OfferLike] = ()
) -> Estimate:
    """Say what the chat that `intent` describes may cost. Nothing is stored, locked or held.

    Raises as admission does for the place, the text and the model; not for the budget.
    """
    check_content(intent)
    place = _place(principal, intent)
    conversation = place.conversation
    model = model_for(intent, conversation, models)
    selling = Selling(conversation.team_id)
    rates = selling.of(model)
    if rates is None:
        raise ModelUnpriced(model)
    prompt = prompt_at(place, intent, models.context_tokens.get(model))
    tokens = count_prompt(prompt.messages, model)
    answer = answer_lengths(conversation.team_id, model, tokens)
    asked = Asked(model, tokens, prompt, rates, answer)
    return _estimate(asked, _tightest(principal, conversation), selling, offers)


def _place(principal: Principal, intent: Intent) -> Place:
    """Where the message would go, as admission finds it, but without a lock."""
    if intent.conversation_id is None:
        require(principal, Capability.SEND_MESSAGE, principal.team_id)
        if intent.parent_id is not None:
            raise NotVisible
        return Place(Conversation(team_id=principal.team_id), None)
    conversation = conversation_for(principal, intent.conversation_id)
    require(principal, Capability.SEND_MESSAGE, conversation.team_id)
    parent_id = intent.parent_id or conversation.leaf_id
    messages = Message.objects.filter(conversation=conversation)
    if parent_id is not None and not messages.filter(pk=parent_id).exists():
        raise NotVisible
    return Place(conversation, parent_id)


def _tightest(principal: Principal, conversation: Conversation) -> Room:
    """The budget that leaves the person least here, of those that can refuse."""
    rooms = room_of(conversation.team_id, principal.user_id, conversation.pk)
    return min((room for room in rooms if room.is_hard), key=lambda room: room.left_nano_usd)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of a message before the budget is looked at."""

    model: str
    prompt_tokens: int
    prompt: Prompt
    rates: SellingRates
    answer: AnswerLengths


def _estimate(asked: Asked, room: Room, selling: Selling, offers: Iterable[OfferLike]) -> Estimate:
    rates, tokens, longest_asked = asked.rates, asked.prompt_tokens, asked.prompt.max_tokens
    ceiling = prompt_ceiling_bytes(asked.prompt.messages)
    longest = rates.longest(room.left_nano_usd, ceiling, longest_asked)
    least = min(longest_asked, MIN_MAX_TOKENS)
    is_refused = longest < least
    max_tokens = longest_asked if is_refused else longest
    answer = asked.answer.within(max_tokens)
    return Estimate(
        model=asked.model,
        prompt_tokens=tokens,
        exact=is_exact(asked.model),
        is_cut=asked.prompt.is_cut,
        prompt_nano_usd=str(rates.most(tokens, 0)),
        answer=AnswerRange(
            answer.low_tokens,
            answer.typical_tokens,
            answer.high_tokens,
            answer.whose,
            answer.turns,
        ),
        low_nano_usd=str(rates.least(tokens, answer.low_tokens)),
        high_nano_usd=str(rates.most(tokens, answer.high_tokens)),
        worst_nano_usd=str(rates.worst(ceiling, least if is_refused else max_tokens)),
        left_nano_usd=str(room.left_nano_usd),
        left_of=room.name,
        verdict="refused" if is_refused else "fits" if longest == longest_asked else "shortened",
        max_tokens=max_tokens,
        cheaper=_cheaper(asked, answer, selling, offers),
    )


def _cheaper(
    asked: Asked, answer: AnswerLengths, selling: Selling, offers: Iterable[OfferLike]
) -> CheaperModel | None:
    """Of the models at half the price or less the dearest: it is likely the nearest in ability.

    A model that cannot read as much is none, and a scripted one only beside a scripted one.
    """
    shown = {each.model: each for each in offers if each.visibility == ModelVisibility.SHOWN}
    ours = shown.pop(asked.model, None)
    size = asked.prompt_tokens, answer.typical_tokens
    most = asked.rates.most(*size) // 2
    best: tuple[int, OfferLike, SellingRates] | None = None
    for each in shown.values():
        rates = selling.of(each.model)
        if rates is None or (each.scripted and not (ours and ours.scripted)):
            continue
        if each.context_tokens and each.context_tokens < asked.prompt_tokens + answer.high_tokens:
            continue
        cost = rates.most(*size)
        if cost <= most and (best is None or cost > best[0]):
            best = cost, each, rates
    if best is None:
        return None
    _, offer, rates = best
    high = rates.most(asked.prompt_tokens, answer.high_tokens)
    return CheaperModel(offer.model, offer.name, str(high))
