"""What a turn may cost, told before it is asked for: the prompt counted, the answer as a range."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from accounts.policy import Principal
from billing.answer_lengths import AnswerLengths, answer_lengths
from billing.holds import MIN_MAX_TOKENS
from billing.room import Room, room_of
from billing.selling import Selling, SellingRates
from chat.models import Conversation
from chat.queries.cheaper import CheaperModel, Told, cheaper_model
from chat.queries.model_list import OfferLike
from chat.queries.prompt_counts import PromptCount, prompt_count
from chat.services.admission import check_content
from chat.services.attempts import count_prompt
from chat.services.errors import ModelUnpriced
from chat.services.intents import Intent, Models
from chat.services.model_choice import model_for
from chat.services.placing import find_place
from chat.services.prompts import Prompt, prompt_at, prompt_ceiling_bytes


class AnswerRange(Struct, frozen=True):
    """Tokens the answer may have; `whose` past answers say so, and how many those were."""

    low_tokens: int
    typical_tokens: int
    high_tokens: int
    whose: str
    turns: int


class Estimate(Struct, frozen=True):
    """What a turn may cost. Amounts are whole nano-USD as text.

    `exact`: the prompt's tokens are counted as the model counts them and its relay reports them.
    `is_cut`: older messages do not fit and are left out, `is_too_long`: what is left does not
    either, and no relay will answer. `waits`: it would wait for answers that become part of its
    prompt, so it costs more than is told. `worst_nano_usd` is what is set aside before sending,
    `left_of` the name of the budget that leaves least. `verdict`: the turn `fits`, its answer is
    to be `shortened` to `max_tokens`, or it would be `refused` for want of budget.
    """

    model: str
    prompt_tokens: int
    exact: bool
    is_cut: bool
    is_too_long: bool
    waits: bool
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
    """Say what the turn that `intent` asks for may cost. Nothing is stored, locked or held.

    The prompt is the one that admission would send. Raises as admission does for the place, the
    text and the model; not for the budget, and not where a message would wait.
    """
    check_content(intent)
    place = find_place(principal, intent, lock=False)
    conversation = place.conversation
    model = model_for(principal, intent, conversation, models)
    selling = Selling(conversation.team_id)
    rates = selling.of(model)
    if rates is None:
        raise ModelUnpriced(model)
    context_tokens = models.context_tokens.get(model)
    prompt = prompt_at(place, intent, context_tokens)
    counted = count_prompt(prompt.messages, model)
    count = prompt_count(models.relay_names.get(model, ""), model, counted)
    too_long = context_tokens is not None and count.tokens >= context_tokens
    answer = answer_lengths(conversation.team_id, model, count.tokens)
    asked = Asked(model, count, prompt, rates, answer, waits=place.waits, too_long=too_long)
    room = _tightest(principal, conversation)
    # Whoever goes on from an answer cannot choose another model.
    usable = () if intent.kind == "continue" else offers
    return _estimate(asked, room, lambda told: cheaper_model(told, selling, usable))


def _tightest(principal: Principal, conversation: Conversation) -> Room:
    """The budget that leaves the person least here, of those that can refuse."""
    rooms = room_of(conversation.team_id, principal.user_id, conversation.pk)
    return min((room for room in rooms if room.is_hard), key=lambda room: room.left_nano_usd)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of a turn before the budget is looked at."""

    model: str
    count: PromptCount
    prompt: Prompt
    rates: SellingRates
    answer: AnswerLengths
    waits: bool
    too_long: bool


def _estimate(asked: Asked, room: Room, cheaper: Callable[[Told], CheaperModel | None]) -> Estimate:
    rates, count, longest_asked = asked.rates, asked.count, asked.prompt.max_tokens
    ceiling = prompt_ceiling_bytes(asked.prompt.messages)
    longest = rates.longest(room.left_nano_usd, ceiling, longest_asked)
    least = min(longest_asked, MIN_MAX_TOKENS)
    is_refused = longest < least
    max_tokens = longest_asked if is_refused else longest
    answer = asked.answer.within(max_tokens)
    return Estimate(
        model=asked.model,
        prompt_tokens=count.tokens,
        exact=count.exact,
        is_cut=asked.prompt.is_cut,
        is_too_long=asked.too_long,
        waits=asked.waits,
        prompt_nano_usd=str(rates.most(count.tokens, 0)),
        answer=AnswerRange(
            answer.low_tokens,
            answer.typical_tokens,
            answer.high_tokens,
            answer.whose,
            answer.turns,
        ),
        low_nano_usd=str(rates.least(count.low_tokens, answer.low_tokens)),
        high_nano_usd=str(rates.most(count.high_tokens, answer.high_tokens)),
        worst_nano_usd=str(rates.worst(ceiling, least if is_refused else max_tokens)),
        left_nano_usd=str(room.left_nano_usd),
        left_of=room.name,
        verdict="refused" if is_refused else "fits" if longest == longest_asked else "shortened",
        max_tokens=max_tokens,
        cheaper=cheaper(Told(asked.model, count.tokens, ceiling, max_tokens, rates, answer)),
    )
