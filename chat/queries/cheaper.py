"""A model that would do the same for much less."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from django.conf import settings
from msgspec import Struct

from billing.answer_lengths import AnswerLengths, answer_lengths
from billing.selling import Selling, SellingRates
from chat.models import ModelVisibility
from chat.queries.model_list import OfferLike
from chat.services.prompts import window

TIMES_CHEAPER = 2
"""Less is not worth a word: the answer is another model's, of another length."""
LOOKED_AT_MODELS = 3
"""So many are asked for the lengths of their own answers."""


class CheaperModel(Struct, frozen=True):
    """A model at no more than half the cost, and what the same turn costs with it at most."""

    model: str
    name: str
    high_nano_usd: str


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of a turn with the model that was chosen. `prompt_bytes` is a ceiling."""

    model: str
    prompt_tokens: int
    prompt_bytes: int
    max_tokens: int
    rates: SellingRates
    answer: AnswerLengths


class _Candidate(NamedTuple):
    cost_nano_usd: int
    offer: OfferLike
    rates: SellingRates


def cheaper_model(told: Told, selling: Selling, offers: Iterable[OfferLike]) -> CheaperModel | None:
    """Of the models that cost half or less the dearest: it is likely the nearest in ability.

    By what their own answers are like, too: a model that writes five times as much is not cheap.
    One that cannot read as much is none; a scripted one only beside a scripted one. Messages are
    text, so none needs to see pictures.
    """
    ours = told.rates.most(told.prompt_tokens, told.answer.typical_tokens)
    highest = told.rates.most(told.prompt_tokens, told.answer.high_tokens)
    for _, offer, rates in _candidates(told, ours, selling, offers)[:LOOKED_AT_MODELS]:
        own = answer_lengths(selling.team_id, offer.model, told.prompt_tokens)
        answer = own.within(told.max_tokens) if own.turns else told.answer
        typical = rates.most(told.prompt_tokens, answer.typical_tokens)
        high = rates.most(told.prompt_tokens, answer.high_tokens)
        if typical * TIMES_CHEAPER <= ours and high < highest:
            return CheaperModel(offer.model, offer.name, str(high))
    return None


def _candidates(
    told: Told, ours_nano_usd: int, selling: Selling, offers: Iterable[OfferLike]
) -> list[_Candidate]:
    """Those at half the price or less for the same tokens, the dearest first."""
    shown = {each.model: each for each in offers if each.visibility == ModelVisibility.SHOWN}
    ours = shown.pop(told.model, None)
    found = []
    for each in shown.values():
        rates = selling.of(each.model)
        if rates is None or not _can_read(each, told):
            continue
        if each.scripted and not (ours and ours.scripted):
            continue
        cost = rates.most(told.prompt_tokens, told.answer.typical_tokens)
        # Beside one that is free nothing is cheaper.
        if cost < ours_nano_usd and cost * TIMES_CHEAPER <= ours_nano_usd:
            found.append(_Candidate(cost, each, rates))
    return sorted(found, key=lambda each: each.cost_nano_usd, reverse=True)


def _can_read(offer: OfferLike, told: Told) -> bool:
    """Whether the whole prompt fits its window, as admission would cut it, and the answer too."""
    if offer.context_tokens is None:
        return True
    most_bytes, longest = window(
        offer.context_tokens, told.max_tokens, settings.TURNS.max_prompt_bytes
    )
    return told.prompt_bytes <= most_bytes and told.answer.high_tokens <= longest
