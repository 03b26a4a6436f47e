"""The steps of a check: what is asked for, and what was found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from chat.relay.check.words import sentence_of

StepName = Literal["address", "reachable", "key", "models", "sse", "websocket", "usage"]
StepStatus = Literal["ok", "warning", "failed", "skipped"]

STEP_NAMES: tuple[StepName, ...] = (
    "address",
    "reachable",
    "key",
    "models",
    "sse",
    "websocket",
    "usage",
)
# Some relays refuse less than 16; a model that reasons would spend fewer before its first word.
ANSWER_TOKENS = 16


class CheckPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a check should do.

    `model` is asked for answers; empty = the first of `cheapest_first` that the relay lists, else
    the first that it lists at all. Without `answers` nothing is generated, and nothing costs.
    One step ends within `step_seconds`, all together within `total_seconds`.
    """

    model: str = ""
    cheapest_first: tuple[str, ...] = ()
    answers: bool = True
    step_seconds: float = 20.0
    total_seconds: float = 60.0


class Finding(msgspec.Struct, frozen=True):
    """What a step found. `code` names its sentence, `facts` fill that in; `detail` is what the
    relay or the network said, without the key."""

    status: StepStatus
    code: str
    facts: dict[str, Any] = {}
    detail: str = ""


class CheckStep(msgspec.Struct, frozen=True):
    """A step that was made, or why it was not, and how long it took."""

    name: StepName
    status: StepStatus
    code: str
    facts: dict[str, Any]
    detail: str
    elapsed_ms: int

    @property
    def sentence(self) -> str:
        """What was found, in English."""
        return sentence_of(self.code, self.facts)


def ok(code: str, **facts: Any) -> Finding:
    """It works."""
    return Finding("ok", code, facts)


def warning(code: str, detail: str = "", **facts: Any) -> Finding:
    """It works, with something to know."""
    return Finding("warning", code, facts, detail)


def failed(code: str, detail: str = "", **facts: Any) -> Finding:
    """It does not work."""
    return Finding("failed", code, facts, detail)


def skipped(code: str) -> Finding:
    """It was not tried, or there is no such thing."""
    return Finding("skipped", code)


def is_usable(steps: Iterable[CheckStep]) -> bool:
    """Whether a relay with these steps can be used: none of them failed."""
    return all(step.status != "failed" for step in steps)
