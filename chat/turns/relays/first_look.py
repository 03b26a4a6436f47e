"""A look at every relay once the site has begun: what its operator should know at once."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing

import structlog
from django.db import DatabaseError

from chat.crossing import cross
from chat.models import AlertKind
from chat.relay.check import CheckPlan, CheckStep, StepName, is_usable
from chat.relay.errors import RelayAuth
from chat.relay.keys import inspect_key
from chat.services.alerts import raise_alert
from chat.turns.relays.checking import Candidate, candidates, steps_of

log = structlog.get_logger(__name__)

NO_DATABASE = "The database does not answer (DATABASE_URL): the site waits for it."
NO_RELAY = "No relay is configured: set HOLYSHEEP_API_KEY, or add one in the administration."
# Nothing is generated, so that a start costs nothing.
LOOK = CheckPlan(answers=False, step_seconds=15.0, total_seconds=30.0)
LAST_STEP: StepName = "models"
AT_A_TIME = 8


async def look_at_relays(tell: Callable[[str], None]) -> None:
    """Tell one sentence about each relay, as soon as it is known: ready, or what to do."""
    try:
        relays = [each for each in await cross(candidates) if each.in_use]
    except DatabaseError as error:
        tell(NO_DATABASE)
        log.warning("relays_not_looked_at", error=type(error).__name__)
        return
    if not relays:
        tell(NO_RELAY)
    place = asyncio.Semaphore(AT_A_TIME)

    async def look(relay: Candidate) -> None:
        async with place:
            await _look(relay, tell)

    await asyncio.gather(*(look(relay) for relay in relays))


async def _look(relay: Candidate, tell: Callable[[str], None]) -> None:
    made: list[CheckStep] = []
    last = _last_step(relay)
    async with aclosing(steps_of(relay, LOOK)) as steps:
        async for step in steps:
            made.append(step)
            if step.name == last:
                break
    usable = is_usable(made)
    sentence = told(relay, made)
    tell(f"{relay.title}: {sentence}")
    event = "relay_ready" if usable else "relay_unusable"
    # The sentence stands on the terminal already; a warning would stand beside it.
    log.info(event, relay=relay.name, label=relay.key_label, sentence=sentence)
    refused = next((step for step in made if step.name == "key" and step.status == "failed"), None)
    if refused is not None:
        await cross(raise_alert, AlertKind.KEY_REFUSED, relay=relay.name, detail=refused.sentence)


def told(relay: Candidate, made: Sequence[CheckStep]) -> str:
    """What was found, in one line: first what keeps the relay from being used."""
    failed = [step for step in made if step.status == "failed"]
    if failed:
        said = [failed[0].sentence, failed[0].detail, _oddity(relay)]
    else:
        odd = [step.sentence for step in made if step.status == "warning"]
        known = [step.sentence for step in made if step.name == LAST_STEP and step.status == "ok"]
        said = ["ready.", *known, *odd]
    return " ".join(part for part in said if part)


def _last_step(relay: Candidate) -> StepName:
    """One that is set to use WebSocket alone is not ready where it opens none."""
    only_websocket = relay.settings is not None and relay.settings.transport == "websocket"
    return "websocket" if only_websocket else LAST_STEP


def _oddity(relay: Candidate) -> str:
    try:
        return (inspect_key(relay.settings.api_key) or "") if relay.settings else ""
    except RelayAuth:
        return ""
