"""What a scenario is, and how one is declared."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.conformance.peer import PIECES, TEXT, Peer

NextPeer = Callable[[], Awaitable[Peer]]
Play = Callable[[NextPeer], Awaitable[None]]
STOP_AFTER_CHARACTERS = len("".join(PIECES[:3]))


@dataclass(frozen=True)
class Scenario:
    """A script of the server, and what the client must hold in the end: the text, and the state,
    or the code of the refusal. `text` None: the client may have it from elsewhere."""

    play: Play
    text: str | None = TEXT
    end: str | int = "completed"
    stops: bool = False


SCENARIOS: dict[str, Scenario] = {}


def scenario(**fields: Any) -> Callable[[Play], None]:
    """Add a script to the scenarios, under its name."""

    def add(play: Play) -> None:
        SCENARIOS[play.__name__] = Scenario(play, **fields)

    return add
