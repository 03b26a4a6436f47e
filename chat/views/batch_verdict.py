"""What is seen in a batch before it is sent: how many lines, which are wrong, what they cost."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec
from asgiref.sync import async_to_sync
from django.utils.translation import gettext as _

from accounts.policy import PolicyRefusal, Principal
from billing.formatting import shown_usd
from chat.api.turnstile import Turnstile
from chat.completions.batches import BatchRequest
from chat.queries.batch_texts import prompt_of
from chat.queries.estimates import Estimate, estimate
from chat.relay.errors import RelayError
from chat.services.batches import NewBatch, read_batch
from chat.services.errors import Refused
from chat.services.intents import Intent, Models
from chat.turns.relays import directory

SHOWN_FAULTS = 10
MOST_MODELS = 3
"""A batch that asks more models is not estimated."""

turnstile = Turnstile()


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that cannot be asked."""

    number: int
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was seen. `cost` is a range in words; empty where it cannot be told."""

    lines: int
    wrong_lines: int
    wrong: list[Fault]
    cost: str
    warning: str

    @property
    def more_wrong(self) -> int:
        """Wrong lines that are not listed."""
        return self.wrong_lines - len(self.wrong)


def look_at(principal: Principal, wanted: NewBatch) -> Verdict:
    """Read the lines as they would be read when sent; nothing is stored.

    Raises ContentInvalid; RateLimited for whoever asks too often.
    """
    with turnstile.through(principal.user_id):
        lines = read_batch(wanted)
        wrong = [line for line in lines if line.error_code]
        cost, warning = _cost(principal, [line for line in lines if not line.error_code])
    faults = [Fault(line.number, _without_number(line)) for line in wrong[:SHOWN_FAULTS]]
    return Verdict(len(lines), len(wrong), faults, cost, warning)


def _without_number(line: BatchRequest) -> str:
    return line.error_message.removeprefix(f"Line {line.number}: ")


def _cost(principal: Principal, lines: Sequence[BatchRequest]) -> tuple[str, str]:
    """The range of the cost of all lines, and a warning where that is more than is left.

    The shortest and the longest line of each model are estimated, and stand for the others.
    """
    by_model: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        by_model[str(msgspec.json.decode(line.body).get("model"))].append(line.body)
    if not by_model or len(by_model) > MOST_MODELS:
        return "", ""
    low, high, left = 0, 0, []
    try:
        for model, bodies in by_model.items():
            asked, models = async_to_sync(_ask)(model)
            least = _estimated(principal, min(bodies, key=len), asked, models)
            most = _estimated(principal, max(bodies, key=len), asked, models)
            low += len(bodies) * int(least.low_nano_usd)
            high += len(bodies) * int(most.high_nano_usd)
            left.append(int(most.left_nano_usd))
    except (Refused, PolicyRefusal, RelayError):
        return "", ""
    amounts = {"low": shown_usd(low), "high": shown_usd(high)}
    told = _("about %(low)s to %(high)s") % amounts
    if amounts["low"] == amounts["high"]:
        told = _("about %(high)s") % amounts
    if high <= min(left):
        return told, ""
    warning = _(
        "That may be more than is left (%(left)s). The batch then stops, and goes on when there "
        "is more."
    )
    return told, warning % {"left": shown_usd(max(0, min(left)))}


def _estimated(principal: Principal, body: str, model: str, models: Models) -> Estimate:
    said: dict[str, Any] = msgspec.json.decode(body)
    others = "\n".join(
        text for message in said["messages"][:-1] if isinstance(text := message["content"], str)
    )
    intent = Intent(
        kind="chat",
        client_id=uuid4(),
        content=prompt_of(body),
        model=model,
        asked_model=model,
        max_tokens=said.get("max_tokens") or said.get("max_completion_tokens"),
        system=others or None,
    )
    return estimate(principal, intent, models)


async def _ask(name: str) -> tuple[str, Models]:
    """What a name of a model means, and what there is to know of all models."""
    relays = directory()
    return (await relays.route(name)).model, await relays.models()
