"""Who watches what in the other processes, as they said."""

from collections.abc import Iterable
from uuid import UUID

from chat.protocol import Person

People = tuple[Person, ...]


class PresenceBook:
    """What each other process last said of each conversation, with when it was heard.

    Times are seconds of one clock, given by the caller. Who has not spoken for `expiry_seconds` is
    gone: a killed process says nothing any more.
    """

    def __init__(self, expiry_seconds: float) -> None:
        self._expiry_seconds = expiry_seconds
        self._said: dict[UUID, dict[str, tuple[People, float]]] = {}

    def note(self, conversation_id: UUID, node: str, people: People, now: float) -> None:
        """A process says who is there; nobody, when its last one left."""
        if people:
            self._said.setdefault(conversation_id, {})[node] = (people, now)
        else:
            self._drop(conversation_id, node)

    def people(self, conversation_id: UUID, here: Iterable[Person] = ()) -> People:
        """Everybody who is there, in the order of their ids: those `here` and those elsewhere."""
        everybody = {person.id: person for person in here}
        for people, _heard_at in self._said.get(conversation_id, {}).values():
            everybody |= {person.id: person for person in people}
        return tuple(everybody[id] for id in sorted(everybody))

    def forget(self, conversation_id: UUID) -> None:
        """Nobody here watches the conversation any more."""
        self._said.pop(conversation_id, None)

    def expire(self, now: float) -> set[UUID]:
        """Forget who has been silent for too long; returns where that changes who is there."""
        changed = set()
        for conversation_id, said in list(self._said.items()):
            for node, (_people, heard_at) in list(said.items()):
                if heard_at + self._expiry_seconds <= now:
                    self._drop(conversation_id, node)
                    changed.add(conversation_id)
        return changed

    def _drop(self, conversation_id: UUID, node: str) -> None:
        said = self._said.get(conversation_id, {})
        said.pop(node, None)
        if not said:
            self._said.pop(conversation_id, None)
