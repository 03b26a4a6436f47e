"""Checks of this installation's relays: which there are, and what is cheap to ask them."""

from billing.prices import price_list
from chat.relay.check import CheckPlan
from chat.relay.settings import RelaySettings
from chat.turns.relays.configured import configured


def relays_to_check() -> tuple[RelaySettings, ...]:
    """All relays, each with each of its keys, those of the environment first."""
    return configured()


def title_of(settings: RelaySettings) -> str:
    """The name of a relay, and of its key where it has several."""
    return f"{settings.name} ({settings.key_label})" if settings.key_label else settings.name


def plan_for(*, model: str = "", answers: bool = True) -> CheckPlan:
    """Plan a check that asks `model`, or else the cheapest model that has a price."""
    return CheckPlan(model=model, cheapest_first=cheapest_first(), answers=answers)


def cheapest_first() -> tuple[str, ...]:
    """The models that have a price, by what a token in and a token out cost together."""
    prices = price_list()
    return tuple(
        sorted(
            prices,
            key=lambda model: (
                prices[model].input_nano_usd_per_million
                + prices[model].output_nano_usd_per_million,
                model,
            ),
        )
    )
