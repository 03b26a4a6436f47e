"""The models a person can choose from: what the relays offer joined with what they cost."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from django.utils.translation import gettext as _
from msgspec import Struct

from billing.prices import PriceView, default_price, figures_of, team_prices
from chat.models import ModelVisibility
from chat.queries.model_words import ModelWords, model_words


class OfferLike(Protocol):
    """A model that a relay offers."""

    @property
    def model(self) -> str:
        """The id under which it is asked for."""

    @property
    def name(self) -> str:
        """The name for people."""

    @property
    def scripted(self) -> bool:
        """Whether its answers are scripted, not a model's."""

    @property
    def visibility(self) -> str:
        """A ModelVisibility."""

    @property
    def context_tokens(self) -> int | None:
        """How many tokens prompt and answer may have together, where that is known."""

    @property
    def vision(self) -> bool | None:
        """Whether it sees pictures, where that is known."""

    @property
    def reasoning(self) -> bool | None:
        """Whether it reasons before it answers, where that is known."""


class ModelPrice(Struct, frozen=True):
    """What the team pays, its markup in it, in nano-USD per million tokens and for an image, beside
    what the maker of the model asks. Null costs what other tokens of that way cost; an image
    nothing."""

    input_nano_usd_per_million: int
    output_nano_usd_per_million: int
    official_input_nano_usd_per_million: int | None
    official_output_nano_usd_per_million: int | None
    cached_input_nano_usd_per_million: int | None = None
    reasoning_nano_usd_per_million: int | None = None
    image_nano_usd: int | None = None


class ModelView(Struct, frozen=True):
    """A model of the picker; `reason` says why it cannot be chosen. A `hidden` one is shown only
    where it is in use. What it can do is null where nobody says."""

    id: str
    name: str
    available: bool
    reason: str | None
    price: ModelPrice | None
    saving_percent: float | None
    scripted: bool
    hidden: bool = False
    context_tokens: int | None = None
    vision: bool | None = None
    reasoning: bool | None = None


class ModelList(Struct, frozen=True):
    """All models, those that can be chosen first, and the one a new conversation begins with."""

    default: str
    items: tuple[ModelView, ...]


def model_list(
    offers: Iterable[OfferLike],
    default: str,
    *,
    team_id: UUID | None = None,
    relay_down: bool = False,
) -> ModelList:
    """Join offers with what the team pays. `relay_down`: no relay could be asked, so nothing is
    available."""
    prices, words = team_prices(team_id), model_words()
    offered = {offer.model: offer for offer in offers}
    others = default_price(team_id)
    items = [_offered(offer, prices.get(model, others)) for model, offer in offered.items()]
    items += [
        _gone(model, price, words, relay_down=relay_down)
        for model, price in sorted(prices.items())
        if model not in offered
    ]
    # A stable sort: the relays' own order stays within each half.
    return ModelList(
        default=default, items=tuple(sorted(items, key=lambda item: not item.available))
    )


def _offered(offer: OfferLike, price: PriceView | None) -> ModelView:
    reason = None if price else _("It has no price yet.")
    if offer.visibility == ModelVisibility.FORBIDDEN:
        reason = _("Administrators do not allow it.")
    return ModelView(
        id=offer.model,
        name=offer.name,
        available=reason is None,
        reason=reason,
        price=_price(price),
        saving_percent=_saving(price),
        scripted=offer.scripted,
        hidden=offer.visibility != ModelVisibility.SHOWN,
        context_tokens=offer.context_tokens,
        vision=offer.vision,
        reasoning=offer.reasoning,
    )


def _gone(model: str, price: PriceView, words: ModelWords, *, relay_down: bool) -> ModelView:
    """A model with a price that no relay lists: conversations may still have it."""
    said = words.of(model)
    reason = _("The relay does not answer.") if relay_down else _("No relay offers it now.")
    if said.visibility == ModelVisibility.FORBIDDEN:
        reason = _("Administrators do not allow it.")
    return ModelView(
        id=model,
        name=said.name or model,
        available=False,
        reason=reason,
        price=_price(price),
        saving_percent=_saving(price),
        scripted=False,
        hidden=said.visibility != ModelVisibility.SHOWN,
    )


def _saving(price: PriceView | None) -> float | None:
    saving: Decimal | None = price.saving_percent if price else None
    return None if saving is None else float(saving)


def _price(price: PriceView | None) -> ModelPrice | None:
    if price is None:
        return None
    return ModelPrice(**figures_of(price))
