"""What the floors above are told once a change is committed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

import structlog
from django.db import transaction

from chat.services.intents import Admitted

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Announcement:
    """Anything that is told after a commit."""


@dataclass(frozen=True, slots=True)
class ConversationChange(Announcement):
    """A conversation changed. `title` is the new one where the title is what changed.

    `running_turns` are those of a deleted conversation, to be stopped.
    """

    conversation_id: UUID
    team_id: UUID
    by_user_id: int
    change: Literal["title", "pinned", "unpinned", "archived", "unarchived", "deleted", "restored"]
    title: str | None = None
    running_turns: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class LineChange(Announcement):
    """Other messages wait in a conversation than before."""

    conversation_id: UUID


@dataclass(frozen=True, slots=True)
class LeftLine(Announcement):
    """A waiting message became a turn (`admitted`), or was dropped with its person's rights, with
    the refusal that says so."""

    conversation_id: UUID
    person_id: int
    client_id: UUID
    content: str = field(repr=False)
    admitted: Admitted | None = None
    refusal: Exception | None = None


Listener = Callable[[Announcement], None]

_listeners: list[Listener] = []


def subscribe(listener: Listener) -> Callable[[], None]:
    """Call `listener` with every announcement from now on; returns what ends it.

    It is called in the thread that committed, so it must be quick; it may not touch the database.
    """
    _listeners.append(listener)

    def unsubscribe() -> None:
        if listener in _listeners:
            _listeners.remove(listener)

    return unsubscribe


def announce(announcement: Announcement) -> None:
    """Tell every listener once the surrounding transaction has committed (at once without).

    A rollback tells nobody. A listener that raises is logged and hinders nobody.
    """
    transaction.on_commit(lambda: _tell(announcement))


def _tell(announcement: Announcement) -> None:
    for listener in tuple(_listeners):
        try:
            listener(announcement)
        except Exception:
            log.exception("announcement_failed", announcement=type(announcement).__name__)
