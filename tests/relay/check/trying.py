"""A check made whole, and the relays it is made of."""

from typing import Any

from chat.relay.check import STEP_NAMES, CheckPlan, CheckStep, check_relay
from chat.relay.demo import DemoRelay
from chat.relay.settings import RelaySettings
from tests.relay.conftest import CANARY_KEY

QUICK: dict[str, Any] = {"tokens_per_second": None, "first_token_seconds": 0.0, "seed": 1}


async def check(settings: RelaySettings, **plan: Any) -> dict[str, CheckStep]:
    """Every step by its name."""
    given = CheckPlan(**{"step_seconds": 20.0, "total_seconds": 60.0} | plan)
    steps = [step async for step in check_relay(settings, given)]
    assert [step.name for step in steps] == list(STEP_NAMES)
    for step in steps:
        assert step.sentence
        for secret in (CANARY_KEY, settings.api_key):
            assert not secret or secret not in f"{step}{step.sentence}"
    return {step.name: step for step in steps}


def settings_of(relay: DemoRelay, key: str = "hs_demo", **changes: Any) -> RelaySettings:
    return RelaySettings(
        **{"name": "demo", "base_url": relay.base_url, "api_key": key, "transport": "sse"} | changes
    )


def codes(steps: dict[str, CheckStep]) -> dict[str, str]:
    return {name: step.code for name, step in steps.items()}
