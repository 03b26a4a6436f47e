"""Prices: which version is in force, and setting a new one."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models.functions import Now
from django.utils import timezone

from billing.errors import AmountInvalid, PriceRefused, PriceUnknown
from billing.models import Hold, PriceVersion
from billing.money import MAX_PRICE_NANO_USD, format_usd


@dataclass(frozen=True)
class PriceView:
    """A price in force, in nano-USD per million tokens."""

    input_nano_usd_per_million: int
    output_nano_usd_per_million: int
    cached_input_nano_usd_per_million: int | None
    official_input_nano_usd_per_million: int | None
    official_output_nano_usd_per_million: int | None
    version_id: int

    @property
    def saving_percent(self) -> Decimal | None:
        """Saving against the official price for as many tokens in as out, to a tenth."""
        if (
            self.official_input_nano_usd_per_million is None
            or self.official_output_nano_usd_per_million is None
        ):
            return None
        return saving_percent(
            self.input_nano_usd_per_million + self.output_nano_usd_per_million,
            self.official_input_nano_usd_per_million + self.official_output_nano_usd_per_million,
        )


def saving_percent(cost_nano_usd: int, official_nano_usd: int) -> Decimal | None:
    """What was saved against the official cost, in percent to a tenth; None where that is zero."""
    if not official_nano_usd:
        return None
    saving = Decimal(official_nano_usd - cost_nano_usd) * 100 / official_nano_usd
    return saving.quantize(Decimal("0.1"))


def price_of(model: str, at: datetime | None = None) -> PriceVersion:
    """The version in force at a moment, or now by the database's clock; else PriceUnknown."""
    version = PriceVersion.objects.filter(model=model, starts_at__lte=at or Now()).first()
    if version is None:
        raise PriceUnknown(model)
    return version


def price_list() -> dict[str, PriceView]:
    """Every model's price in force."""
    started = PriceVersion.objects.filter(starts_at__lte=Now()).order_by("starts_at", "id")
    return {version.model: view_of(version) for version in started}


def view_of(version: PriceVersion) -> PriceView:
    """The figures of a version."""
    return PriceView(
        input_nano_usd_per_million=version.input_nano_usd_per_million,
        output_nano_usd_per_million=version.output_nano_usd_per_million,
        cached_input_nano_usd_per_million=version.cached_input_nano_usd_per_million,
        official_input_nano_usd_per_million=version.official_input_nano_usd_per_million,
        official_output_nano_usd_per_million=version.official_output_nano_usd_per_million,
        version_id=version.pk,
    )


@dataclass(frozen=True)
class NewPrice:
    """Figures of a version to be set, in nano-USD per million tokens."""

    input_nano_usd_per_million: int
    output_nano_usd_per_million: int
    cached_input_nano_usd_per_million: int | None = None
    official_input_nano_usd_per_million: int | None = None
    official_output_nano_usd_per_million: int | None = None


def set_price(
    model: str, price: NewPrice, starts_at: datetime | None = None, person_id: int | None = None
) -> PriceVersion:
    """Add a version that starts now, or at a moment.

    AmountInvalid for a negative or absurd figure or half an official price; PriceRefused for a
    start before a turn that is already priced.
    """
    check_price(model, price, starts_at)
    return PriceVersion.objects.create(
        model=model,
        # Whole seconds: the database's clock is coarser than ours, and "now" must have begun there.
        starts_at=starts_at or timezone.now().replace(microsecond=0),
        created_by_id=person_id,
        input_nano_usd_per_million=price.input_nano_usd_per_million,
        output_nano_usd_per_million=price.output_nano_usd_per_million,
        cached_input_nano_usd_per_million=price.cached_input_nano_usd_per_million,
        official_input_nano_usd_per_million=price.official_input_nano_usd_per_million,
        official_output_nano_usd_per_million=price.official_output_nano_usd_per_million,
    )


def check_price(model: str, price: NewPrice, starts_at: datetime | None) -> None:
    """Raise what `set_price` would refuse."""
    if not model or model != model.strip() or len(model) > 200:
        raise PriceRefused("A model's name has 1 to 200 characters and no space at its ends.")
    official = (
        price.official_input_nano_usd_per_million,
        price.official_output_nano_usd_per_million,
    )
    if None in official and official != (None, None):
        raise AmountInvalid("An official price has an input and an output figure.")
    figures = (
        price.input_nano_usd_per_million,
        price.output_nano_usd_per_million,
        price.cached_input_nano_usd_per_million,
        *official,
    )
    if any(figure is not None and figure < 0 for figure in figures):
        raise AmountInvalid("A price is not negative.")
    if any(figure is not None and figure > MAX_PRICE_NANO_USD for figure in figures):
        limit = format_usd(MAX_PRICE_NANO_USD)
        raise AmountInvalid(f"A price is at most {limit} per million tokens.")
    if starts_at and Hold.objects.filter(model=model, transfer__created_at__gte=starts_at).exists():
        raise PriceRefused(
            f"Turns of {model} since then are priced already, and their price stays. "
            "Let the new price start now or later."
        )
