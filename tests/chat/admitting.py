"""Turns of the tests: sent through admission, ended through settlement."""

import uuid
from dataclasses import replace
from typing import Any

from accounts.policy import Principal
from chat.services.admission import start_turn
from chat.services.attempts import AttemptEnd
from chat.services.ending import TurnEnd, end_turn
from chat.services.intents import Admitted, Intent, Models

MODEL = "gpt-4.1"


def wish(content: str = "Hello", **fields: Any) -> Intent:
    values: dict[str, Any] = {"kind": "chat", "client_id": uuid.uuid4(), "content": content}
    return Intent(**(values | fields))


def send(who: Principal, intent: Intent | None = None, **fields: Any) -> Admitted:
    return start_turn(who, intent or wish(**fields), models=Models(MODEL), node="here")


def attempt_of(turn: Admitted, generated: str = "An answer.", **fields: Any) -> AttemptEnd:
    """A try that came through; without a reported usage."""
    values: dict[str, Any] = {
        "number": 1,
        "relay": "relay",
        "model": turn.model,
        "outcome": "completed",
        "billed": True,
        "sent": True,
        "prompt": turn.prompt,
        "generated": generated,
    }
    return AttemptEnd(**(values | fields))


def finish(
    turn: Admitted, content: str = "An answer.", *, generated: str | None = None, **fields: Any
) -> None:
    end = TurnEnd(
        turn_id=turn.turn_id,
        epoch=turn.epoch,
        model=turn.model,
        state="completed",
        content=content,
        reasoning="",
        attempts=(attempt_of(turn, content if generated is None else generated),),
        finish_reason="stop",
    )
    assert end_turn(replace(end, **fields)) is not None
