"""What every client is tried with, and what came of it."""

from dataclasses import dataclass
from typing import Any

MODEL = "gpt-4.1"
SHORT = "Say something short"
LONG = "Write something long"
WRONG_KEY = "tram_wrong_0123456789"


@dataclass(frozen=True)
class Refusal:
    """How a client told that it was refused: by what, an exception's name mostly; and the status
    that it knows."""

    kind: str
    status: int


@dataclass(frozen=True)
class Results:
    """What one client got. `whole` is None for a form that has streams only; `cancelled` is the id
    of an answer that the client left after its first word."""

    streamed: str
    whole: str | None
    wrong_key: Refusal
    unknown_model: Refusal
    cancelled: str


def results_of(told: dict[str, Any]) -> Results:
    """Read what a script in another language printed."""
    return Results(
        streamed=told["streamed"],
        whole=told.get("whole"),
        wrong_key=Refusal(**told["wrong_key"]),
        unknown_model=Refusal(**told["unknown_model"]),
        cancelled=told["cancelled"],
    )


def question(text: str = SHORT, **fields: Any) -> dict[str, Any]:
    """The body of a request."""
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **fields}
