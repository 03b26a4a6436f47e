"""The models a person can choose from: what the relays offer joined with what they cost."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

from django.utils.translation import gettext as _
from msgspec import Struct

from billing.prices import PriceView, price_list


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


class ModelPrice(Struct, frozen=True):
    """A price in nano-USD per million tokens, beside what the maker of the model asks."""

    input_nano_usd_per_million: int
    output_nano_usd_per_million: int
    official_input_nano_usd_per_million: int | None
    official_output_nano_usd_per_million: int | None


class ModelView(Struct, frozen=True):
    """A model of the picker; `reason` says why it cannot be chosen."""

    id: str
    name: str
    available: bool
    reason: str | None
    price: ModelPrice | None
    saving_percent: float | None
    scripted: bool


class ModelList(Struct, frozen=True):
    """All models, those that can be chosen first, and the one a new conversation begins with."""

    default: str
    items: tuple[ModelView, ...]


def model_list(offers: Iterable[OfferLike], default: str, *, relay_down: bool = False) -> ModelList:
    """Join offers with prices. `relay_down`: no relay could be asked, so nothing is available."""
    prices = price_list()
    offered = {offer.model: offer for offer in offers}
    items = [_offered(offer, prices.get(model)) for model, offer in offered.items()]
    why = _("The relay does not answer.") if relay_down else _("The relay does not offer it.")
    items += [
        _view(model, model, price, reason=why)
        for model, price in sorted(prices.items())
        if model not in offered
    ]
    # A stable sort: the relays' own order stays within each half.
    return ModelList(
        default=default, items=tuple(sorted(items, key=lambda item: not item.available))
    )


def _offered(offer: OfferLike, price: PriceView | None) -> ModelView:
    reason = None if price else _("It has no price yet.")
    return _view(offer.model, offer.name, price, reason=reason, scripted=offer.scripted)


def _view(
    model: str, name: str, price: PriceView | None, *, reason: str | None, scripted: bool = False
) -> ModelView:
    saving: Decimal | None = price.saving_percent if price else None
    return ModelView(
        id=model,
        name=name,
        available=reason is None,
        reason=reason,
        price=None if price is None else _price(price),
        saving_percent=None if saving is None else float(saving),
        scripted=scripted,
    )


def _price(price: PriceView) -> ModelPrice:
    return ModelPrice(
        price.input_nano_usd_per_million,
        price.output_nano_usd_per_million,
        price.official_input_nano_usd_per_million,
        price.official_output_nano_usd_per_million,
    )
