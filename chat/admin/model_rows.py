"""Each model in one row: who offers it, what it costs, who may choose it, what it can do."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from asgiref.sync import async_to_sync
from django.urls import reverse
from django.utils.translation import gettext as _

from billing.formatting import shown_count
from billing.prices import PriceView, default_price, price_list
from chat.models import ModelAlias, ModelSetting, ModelVisibility
from chat.relay.errors import RelayError
from chat.turns.relays import Offer, directory

VIEWS = ("all", "priced", "unpriced", "kept", "gone")
"""Which rows are listed: all, those with and without a price, those that are hidden or forbidden,
those that no relay offers."""
MAX_ROWS = 500


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model that is offered, or has a price, or of which administrators say something."""

    model: str
    name: str
    aliases: tuple[str, ...]
    relay_names: tuple[str, ...]
    price: PriceView | None
    visibility: str
    abilities: tuple[str, ...]
    setting_id: int | None

    @property
    def is_priced(self) -> bool:
        """Whether somebody set its price, or it was used at the default one."""
        return self.price is not None and bool(self.price.version_id)

    @property
    def visibility_label(self) -> str:
        """In words, without the explanation."""
        return str(ModelVisibility(self.visibility).label).split(":")[0]

    @property
    def setting_href(self) -> str:
        """Where to say something of it."""
        if self.setting_id is not None:
            return reverse("admin:chat_modelsetting_change", args=[self.setting_id])
        return f"{reverse('admin:chat_modelsetting_add')}?{urlencode({'model': self.model})}"

    @property
    def new_price_href(self) -> str:
        """Where to set a price."""
        return f"{reverse('admin:billing_priceversion_add')}?{urlencode({'model': self.model})}"

    @property
    def prices_href(self) -> str:
        """Its prices so far."""
        query = urlencode({"model__exact": self.model})
        return f"{reverse('admin:billing_priceversion_changelist')}?{query}"

    def fits(self, view: str, query: str) -> bool:
        """Whether it belongs to a view and contains the text that is searched."""
        text = " ".join((self.model, self.name, *self.aliases, *self.relay_names)).casefold()
        return query.casefold() in text and {
            "priced": self.is_priced,
            "unpriced": not self.is_priced and bool(self.relay_names),
            "kept": self.visibility != ModelVisibility.SHOWN,
            "gone": not self.relay_names,
        }.get(view, True)


def offers_now() -> tuple[Offer, ...] | None:
    """What the relays offer; None when none of them answers."""
    try:
        # Runs on the server's own event loop, where the relays' connections live.
        return async_to_sync(_ask)()
    except RelayError:
        return None


async def _ask() -> tuple[Offer, ...]:
    return await directory().offers()


def model_rows(offers: Iterable[Offer]) -> Iterator[ModelRow]:
    """All models: those on offer in the relays' order, then the others by name."""
    offered = {offer.model: offer for offer in offers}
    prices = price_list()
    settings = {setting.model: setting for setting in ModelSetting.objects.all()}
    aliases: dict[str, list[str]] = {}
    # A name that a relay lists itself is never rewritten.
    for alias, model in ModelAlias.objects.exclude(alias__in=offered).values_list("alias", "model"):
        aliases.setdefault(model, []).append(alias)
    for model in (*offered, *sorted((prices.keys() | settings.keys()) - offered.keys())):
        yield _row(model, offered.get(model), settings.get(model), prices, aliases)


def _row(
    model: str,
    offer: Offer | None,
    setting: ModelSetting | None,
    prices: Mapping[str, PriceView],
    aliases: Mapping[str, list[str]],
) -> ModelRow:
    said = setting or ModelSetting(model=model)
    vision = offer.vision if offer and said.vision is None else said.vision
    reasoning = offer.reasoning if offer and said.reasoning is None else said.reasoning
    context = said.context_tokens or (offer.context_tokens if offer else None)
    return ModelRow(
        model=model,
        name=said.name or (offer.name if offer else model),
        aliases=tuple(aliases.get(model, ())),
        relay_names=offer.relay_names if offer else (),
        price=prices.get(model) or (default_price() if offer else None),
        visibility=said.visibility,
        abilities=tuple(_abilities(vision, reasoning, context)),
        setting_id=said.pk,
    )


def _abilities(
    vision: bool | None, reasoning: bool | None, context_tokens: int | None
) -> Iterator[str]:
    if vision:
        yield _("sees pictures")
    if reasoning:
        yield _("reasons")
    if context_tokens:
        yield _("%(count)s tokens of context") % {"count": shown_count(context_tokens)}
