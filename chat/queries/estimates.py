"""What a message may cost, told before it is sent: the prompt counted, the answer as a range."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from msgspec import Struct

from accounts.policy import NotVisible, Principal, require
from accounts.roles import Capability
from billing.answer_lengths import AnswerLengths, answer_lengths
from billing.budgets import budget_of
from billing.holds import MIN_MAX_TOKENS
from billing.money import TOKENS_PER_PRICE, cost_nano_usd
from billing.prices import PriceView, price_list
from billing.tokens import is_exact
from chat.models import Conversation, Message, ModelVisibility
from chat.queries.conversations import conversation_for
from chat.queries.model_list import OfferLike
from chat.services.admission import check_content
from chat.services.attempts import count_prompt
from chat.services.errors import ModelNotAllowed
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

    `exact`: the prompt's tokens are counted as the model counts them. `worst_nano_usd` is what is
    set aside before sending. `verdict`: it `fits`, is to be `shortened` to `max_tokens`, or would
    be `refused` for want of budget. `is_cut`: older messages do not fit and are left out.
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
    verdict: Literal["fits", "shortened", "refused"]
    max_tokens: int
    cheaper: CheaperModel | None


@dataclass(frozen=True, slots=True)
class Rates:
    """What a team pays, in nano-USD per million tokens. Which tokens of an answer will be reasoning
    nobody knows before: so there is a least and a most for them."""

    input_nano_usd: int
    least_output_nano_usd: int
    most_output_nano_usd: int

    def least(self, tokens_in: int, tokens_out: int) -> int:
        """The least that so many tokens cost, in nano-USD."""
        return cost_nano_usd(tokens_in, tokens_out, self.input_nano_usd, self.least_output_nano_usd)

    def most(self, tokens_in: int, tokens_out: int) -> int:
        """The most that so many tokens cost, in nano-USD."""
        return cost_nano_usd(tokens_in, tokens_out, self.input_nano_usd, self.most_output_nano_usd)

    def longest(self, left_nano_usd: int, tokens_in: int, max_tokens: int) -> int:
        """How long an answer what is left pays for: at most `max_tokens`, maybe below 0."""
        left = left_nano_usd * TOKENS_PER_PRICE - tokens_in * self.input_nano_usd
        if self.most_output_nano_usd == 0:
            return max_tokens if left >= 0 else -1
        return min(max_tokens, left // self.most_output_nano_usd)


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
    rates = _rates(conversation.team_id)
    if model not in rates:
        raise ModelNotAllowed(model=model, reason="no_price")
    prompt = prompt_at(place, intent, models.context_tokens.get(model))
    left = _left(principal, conversation)
    return _estimate(conversation.team_id, model, prompt, rates, left, offers)


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


def _rates(team_id: UUID) -> dict[str, Rates]:  # noqa: ARG001
    """What a team pays for each model that has a price."""
    return {model: _rates_of(price) for model, price in price_list().items()}


def _rates_of(price: PriceView) -> Rates:
    output = price.output_nano_usd_per_million
    reasoning = price.reasoning_nano_usd_per_million
    both = (output, output if reasoning is None else reasoning)
    return Rates(price.input_nano_usd_per_million, min(both), max(both))


def _left(_principal: Principal, conversation: Conversation) -> int:
    """What the person may still spend here, in nano-USD."""
    return budget_of(conversation.team_id).remaining_nano_usd


def _estimate(
    team_id: UUID,
    model: str,
    prompt: Prompt,
    rates: dict[str, Rates],
    left_nano_usd: int,
    offers: Iterable[OfferLike],
) -> Estimate:
    price = rates[model]
    tokens = count_prompt(prompt.messages, model)
    ceiling = prompt_ceiling_bytes(prompt.messages)
    longest = price.longest(left_nano_usd, ceiling, prompt.max_tokens)
    is_refused = longest < min(prompt.max_tokens, MIN_MAX_TOKENS)
    max_tokens = prompt.max_tokens if is_refused else longest
    answer = answer_lengths(team_id, model, tokens).within(max_tokens)
    fits = longest == prompt.max_tokens
    return Estimate(
        model=model,
        prompt_tokens=tokens,
        exact=is_exact(model),
        is_cut=prompt.is_cut,
        prompt_nano_usd=str(price.most(tokens, 0)),
        answer=AnswerRange(
            answer.low_tokens,
            answer.typical_tokens,
            answer.high_tokens,
            answer.whose,
            answer.turns,
        ),
        low_nano_usd=str(price.least(tokens, answer.low_tokens)),
        high_nano_usd=str(price.most(tokens, answer.high_tokens)),
        worst_nano_usd=str(price.most(ceiling, max_tokens)),
        left_nano_usd=str(left_nano_usd),
        verdict="refused" if is_refused else "fits" if fits else "shortened",
        max_tokens=max_tokens,
        cheaper=_cheaper(model, tokens, answer, rates, offers),
    )


def _cheaper(
    model: str,
    prompt_tokens: int,
    answer: AnswerLengths,
    rates: dict[str, Rates],
    offers: Iterable[OfferLike],
) -> CheaperModel | None:
    """Of the models at half the price or less the dearest: it is likely the nearest in ability.

    A model that does not see as much is none, and a scripted one only beside a scripted one.
    """
    shown = {each.model: each for each in offers if each.visibility == ModelVisibility.SHOWN}
    ours = shown.get(model)
    need = prompt_tokens + answer.high_tokens
    most = rates[model].most(prompt_tokens, answer.typical_tokens) // 2
    found = [
        (rates[each.model].most(prompt_tokens, answer.typical_tokens), each)
        for each in shown.values()
        if each.model in rates
        and (ours is None or each.scripted <= ours.scripted)
        and (each.context_tokens is None or each.context_tokens >= need)
    ]
    affordable = [(cost, each) for cost, each in found if cost <= most and each.model != model]
    if not affordable:
        return None
    _, best = max(affordable, key=lambda each: each[0])
    high = rates[best.model].most(prompt_tokens, answer.high_tokens)
    return CheaperModel(best.model, best.name, str(high))
