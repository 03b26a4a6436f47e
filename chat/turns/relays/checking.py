"""Checks of this installation's relays: which there are, and what is cheap to ask them."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from billing.prices import price_list
from chat.models import Relay, RelayKey
from chat.relay.check import CheckPlan, CheckStep, check_relay
from chat.relay.settings import RelaySettings
from chat.services.relay_keys import KeyUnusable
from chat.turns.relays.configured import configured
from chat.turns.relays.stored import settings_of


@dataclass(frozen=True, slots=True)
class Candidate:
    """A relay with one of its keys. Without `settings` no check is possible, and `obstacle` is
    the code of the reason."""

    id: str
    name: str
    key_label: str
    address: str
    in_use: bool
    settings: RelaySettings | None
    obstacle: str = ""

    @property
    def title(self) -> str:
        """The name of the relay, and of the key where it may have several."""
        return f"{self.name} ({self.key_label})" if self.key_label else self.name


def candidates() -> tuple[Candidate, ...]:
    """All relays with all their keys, those of the environment first, also what is not in use: a
    check is for before it is."""
    named = configured()
    found = [
        Candidate(f"environment:{each.name}", each.name, "", each.base_url, True, each)
        for each in named
    ]
    # A name of the environment's relays is theirs.
    rows = Relay.objects.exclude(name__in=[each.name for each in named]).prefetch_related("keys")
    for relay in rows:
        keys = [_stored(key) for key in relay.keys.all()]
        found += keys or [_without_key(relay)]
    return tuple(found)


async def steps_of(candidate: Candidate, plan: CheckPlan) -> AsyncGenerator[CheckStep, None]:
    """Check one; where none of it is possible, the only step says why."""
    if candidate.settings is None:
        yield CheckStep("key", "failed", candidate.obstacle, {}, "", 0)
        return
    async with aclosing(check_relay(candidate.settings, plan)) as steps:
        async for step in steps:
            yield step


def plan_for(*, model: str = "", answers: bool = True) -> CheckPlan:
    """Plan a check that asks `model`, or else the cheapest model that has a price."""
    return CheckPlan(model=model, cheapest_first=cheapest_first(), answers=answers)


def cheapest_first() -> tuple[str, ...]:
    """The models that have a price, by what a token in and a token out cost together."""
    costs = {
        model: price.input_nano_usd_per_million + price.output_nano_usd_per_million
        for model, price in price_list().items()
    }
    return tuple(sorted(costs, key=lambda model: (costs[model], model)))


def _stored(key: RelayKey) -> Candidate:
    relay = key.relay
    settings, obstacle = None, ""
    try:
        settings = settings_of(key)
    except KeyUnusable:
        obstacle = "key_sealed"
    return Candidate(
        f"key:{key.pk}",
        relay.name,
        key.label,
        relay.base_url,
        relay.enabled and key.enabled,
        settings,
        obstacle,
    )


def _without_key(relay: Relay) -> Candidate:
    return Candidate(
        f"relay:{relay.pk}", relay.name, "", relay.base_url, False, None, "key_missing"
    )
