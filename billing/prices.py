"""Prices: which version is in force, what a team pays by it, and setting a new one."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from billing.dialects import in_each, uuid_value
from billing.errors import AmountInvalid, BillingError, PriceRefused, PriceUnknown
from billing.markups import markup_of
from billing.models import Hold, PriceVersion
from billing.money import BASIS_POINTS, MAX_PRICE_NANO_USD, ceil_div, format_usd, usd_to_nano


@dataclass(frozen=True)
class NewPrice:
    """Figures of a price, in nano-USD per million tokens, and `image_nano_usd` each."""

    input_nano_usd_per_million: int
    output_nano_usd_per_million: int
    cached_input_nano_usd_per_million: int | None = None
    official_input_nano_usd_per_million: int | None = None
    official_output_nano_usd_per_million: int | None = None
    reasoning_nano_usd_per_million: int | None = None
    image_nano_usd: int | None = None


_TERMS = in_each("""
SELECT billing_priceversion.*, COALESCE((
    SELECT basis_points FROM billing_markup
    WHERE (team_id = %s OR team_id IS NULL) AND starts_at <= {now}
    ORDER BY team_id IS NULL, starts_at DESC, id DESC LIMIT 1
), 0) AS markup
FROM billing_priceversion
WHERE model = %s AND starts_at <= {now} ORDER BY starts_at DESC, id DESC LIMIT 1
""")

FIGURES = tuple(NewPrice.__dataclass_fields__)
BOUGHT = tuple(name for name in FIGURES if not name.startswith("official"))


@dataclass(frozen=True)
class PriceView(NewPrice):
    """A price in force; of the default price, `version_id` is 0 until its first use."""

    version_id: int = 0

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

    def with_markup(self, basis_points: int) -> "PriceView":
        """What a team with that markup pays: for showing, each figure rounded up."""
        bought = {name: self._sold(name, basis_points) for name in BOUGHT}
        return PriceView(**(figures_of(self) | bought), version_id=self.version_id)

    def _sold(self, name: str, basis_points: int) -> int | None:
        figure = getattr(self, name)
        if figure is None:
            return None
        return ceil_div(figure * (BASIS_POINTS + basis_points), BASIS_POINTS)


@dataclass(frozen=True)
class Terms:
    """What a turn is priced by: the relay's price and the team's markup on it."""

    price: PriceVersion
    markup_basis_points: int


def saving_percent(cost_nano_usd: int, official_nano_usd: int) -> Decimal | None:
    """What was saved against the official cost, in percent to a tenth; None where that is zero."""
    if not official_nano_usd:
        return None
    saving = Decimal(official_nano_usd - cost_nano_usd) * 100 / official_nano_usd
    return saving.quantize(Decimal("0.1"))


def price_of(model: str, at: datetime | None = None) -> PriceVersion:
    """The version in force at a moment, or now by the database's clock; else PriceUnknown."""
    version = _started(at).filter(model=model).first()
    if version is None:
        raise PriceUnknown(model)
    return version


def terms_for(model: str, team_id: UUID) -> Terms:
    """What a turn of the team costs now. A model without a price gets the default price for good,
    where there is one; else PriceUnknown."""
    values = [uuid_value(team_id), model]
    for priced in PriceVersion.objects.raw(_TERMS[connection.vendor], values):
        return Terms(priced, vars(priced)["markup"])
    return Terms(_version_by_default(model), markup_of(team_id))


def price_list() -> dict[str, PriceView]:
    """Every model's price in force, at the relay."""
    return {version.model: view_of(version) for version in _started().order_by("starts_at", "id")}


def team_prices(team_id: UUID | None) -> dict[str, PriceView]:
    """Every model's price in force with the team's markup: for showing, each figure rounded up."""
    markup = markup_of(team_id)
    return {model: price.with_markup(markup) for model, price in price_list().items()}


def _started(at: datetime | None = None) -> QuerySet[PriceVersion]:
    return PriceVersion.objects.filter(starts_at__lte=at or Now())


def view_of(version: PriceVersion) -> PriceView:
    """The figures of a version."""
    return PriceView(**figures_of(version), version_id=version.pk)


def figures_of(price: NewPrice | PriceVersion) -> dict[str, Any]:
    """The figures by name, those that are unknown as None."""
    return {name: getattr(price, name) for name in FIGURES}


def default_price(team_id: UUID | None = None) -> PriceView | None:
    """The price of models that have none, as the setting has it; a team's with its markup."""
    text: str = settings.DEFAULT_PRICE_USD
    if not text:
        return None
    input_usd, output_usd = text.split("/")
    price = PriceView(usd_to_nano(input_usd), usd_to_nano(output_usd))
    return price.with_markup(markup_of(team_id)) if team_id else price


def _version_by_default(model: str) -> PriceVersion:
    default = default_price()
    if default is None:
        raise PriceUnknown(model)
    try:
        check_price(model, default, None)
    except BillingError:
        raise PriceUnknown(model) from None
    figures = figures_of(default) | {"starts_at": _now()}
    made = PriceVersion.objects.get_or_create(model=model, from_default=True, defaults=figures)
    return made[0]


def set_price(
    model: str, price: NewPrice, starts_at: datetime | None = None, person_id: int | None = None
) -> PriceVersion:
    """Add a version that starts now, or at a moment.

    AmountInvalid for a negative or absurd figure or half an official price; PriceRefused for a
    start before a turn that is already priced.
    """
    check_price(model, price, starts_at)
    return PriceVersion.objects.create(
        model=model, starts_at=starts_at or _now(), created_by_id=person_id, **figures_of(price)
    )


def _now() -> datetime:
    # Whole seconds: the database's clock is coarser than ours, and "now" must have begun there.
    return timezone.now().replace(microsecond=0)


def check_price(model: str, price: NewPrice, starts_at: datetime | None) -> None:
    """Raise what `set_price` would refuse."""
    # NUL is what PostgreSQL cannot store.
    if not model or model != model.strip() or len(model) > 200 or "\0" in model:
        raise PriceRefused("A model's name has 1 to 200 characters and no space at its ends.")
    official = (
        price.official_input_nano_usd_per_million,
        price.official_output_nano_usd_per_million,
    )
    if None in official and official != (None, None):
        raise AmountInvalid("An official price has an input and an output figure.")
    figures = figures_of(price).values()
    if any(figure is not None and figure < 0 for figure in figures):
        raise AmountInvalid("A price is not negative.")
    if any(figure is not None and figure > MAX_PRICE_NANO_USD for figure in figures):
        limit = format_usd(MAX_PRICE_NANO_USD)
        raise AmountInvalid(
            "A price is at most %(amount)s per million tokens, or for an image.", amount=limit
        )
    if starts_at and Hold.objects.filter(model=model, transfer__created_at__gte=starts_at).exists():
        raise PriceRefused(
            "Turns of %(model)s since then are priced already, and their price stays. "
            "Let the new price start now or later.",
            model=model,
        )
