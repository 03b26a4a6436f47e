"""Company in a conversation: who is there, who is typing and what waits, across processes.

For each conversation that somebody watches here the process listens to one group. A change costs a
message or two, however many people watch.
"""

import asyncio
from typing import Any
from uuid import UUID

import structlog

from chat.consumers.lines import LineTeller
from chat.consumers.presence import People, PresenceBook
from chat.consumers.switchboard import Message, Switchboard
from chat.protocol import Person, Presence, TypingNow
from chat.turns.hub import Hub

log = structlog.get_logger(__name__)

ANNOUNCE_SECONDS = 15.0
"""A process says this often who is there, though nothing changed."""
EXPIRY_SECONDS = 50.0
"""Whoever has not been announced for so long is gone."""
TICK_SECONDS = 5.0


class Company:
    """What this process knows of the company in the conversations that are watched here."""

    def __init__(self, hub: Hub, switchboard: Switchboard, lines: LineTeller) -> None:
        self._hub = hub
        self._switchboard = switchboard
        self._lines = lines
        self._book = PresenceBook(EXPIRY_SECONDS)
        # Who was said to be here, by conversation that is listened to.
        self._announced: dict[UUID, People] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to announce, in a task owned by this object until `aclose`."""
        self._hub.on_people = self._changed_here
        self._switchboard.returns.add(self._ask_all)
        self._task = asyncio.create_task(self._run(), name="company")

    async def aclose(self) -> None:
        """Say that nobody is here any more."""
        self._switchboard.returns.discard(self._ask_all)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        for conversation_id in self._announced:
            self._announce(conversation_id, ())

    def typing(self, conversation_id: UUID, person: Person) -> None:
        """Show the others, wherever they are, that somebody writes."""
        self._hub.say_to_others(TypingNow(conversation_id, person), person.id)
        # What is told late is told wrongly.
        if self._switchboard.alive:
            message = {"type": "typing", "conversation": str(conversation_id)}
            group = group_of(conversation_id)
            self._switchboard.say_elsewhere(group, message | {"person": _packed(person)})

    def _changed_here(self, conversation_id: UUID) -> None:
        """Somebody here began or ceased to watch."""
        here = self._hub.people_in(conversation_id)
        group = group_of(conversation_id)
        if not self._hub.is_watched(conversation_id):
            if self._announced.pop(conversation_id, ()):
                self._announce(conversation_id, ())
            self._switchboard.leave(group, self._hear)
            self._book.forget(conversation_id)
            return
        is_new = conversation_id not in self._announced
        if is_new:
            self._switchboard.listen(group, self._hear)
        if is_new or self._announced[conversation_id] != here:
            self._announce(conversation_id, here, ask=is_new)
        self._announced[conversation_id] = here
        self._say(conversation_id)

    def _hear(self, message: Message) -> None:
        conversation_id = UUID(message["conversation"])
        if message["type"] == "line":
            self._lines.look(conversation_id)
        elif message["type"] == "typing":
            person = _unpacked(message["person"])
            self._hub.say_to_others(TypingNow(conversation_id, person), person.id)
        elif message["type"] == "presence":
            self._hear_presence(conversation_id, message)

    def _hear_presence(self, conversation_id: UUID, message: Message) -> None:
        here = self._announced.get(conversation_id)
        if here is None:
            return
        before = self._book.people(conversation_id, here)
        people = tuple(_unpacked(person) for person in message["people"])
        self._book.note(conversation_id, message["node"], people, _now())
        if self._book.people(conversation_id, here) != before:
            self._say(conversation_id)
        if message.get("ask"):
            self._announce(conversation_id, here)

    def _announce(self, conversation_id: UUID, here: People, *, ask: bool = False) -> None:
        message: dict[str, Any] = {
            "type": "presence",
            "conversation": str(conversation_id),
            "node": self._switchboard.node,
            "people": [_packed(person) for person in here],
            "ask": ask,
        }
        self._switchboard.say_elsewhere(group_of(conversation_id), message)

    def _ask_all(self) -> None:
        """The layer is there again: what was said meanwhile is lost."""
        for conversation_id, here in self._announced.items():
            self._announce(conversation_id, here, ask=True)
        self._lines.look_at_all()

    def _say(self, conversation_id: UUID) -> None:
        people = self._book.people(conversation_id, self._hub.people_in(conversation_id))
        self._hub.say(conversation_id, Presence(conversation_id, people))

    async def _run(self) -> None:
        announce_at = _now() + ANNOUNCE_SECONDS
        while True:
            await asyncio.sleep(TICK_SECONDS)
            try:
                for conversation_id in self._book.expire(_now()):
                    self._say(conversation_id)
                if _now() >= announce_at:
                    announce_at = _now() + ANNOUNCE_SECONDS
                    for conversation_id, here in self._announced.items():
                        self._announce(conversation_id, here)
            except Exception:
                log.exception("company_not_told")


def group_of(conversation_id: UUID) -> str:
    """The group of those who watch a conversation."""
    return f"watch.{conversation_id.hex}"


def _now() -> float:
    return asyncio.get_running_loop().time()


def _packed(person: Person) -> list[Any]:
    return [person.id, person.name]


def _unpacked(person: list[Any]) -> Person:
    return Person(*person)
