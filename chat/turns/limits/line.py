"""The line before a gate: person by person in turn, and in order within a person. Pure."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class InLine(Protocol):
    """Somebody in line."""

    @property
    def person_id(self) -> int:
        """Whose turn it is."""


W = TypeVar("W", bound=InLine)


class Line(Generic[W]):
    """Who waits, in the order in which they are served.

    The first of each person in turn: one person's twenty turns put another's one turn second, not
    twenty-first. Who was served goes behind everybody else who waits now.
    """

    def __init__(self) -> None:
        self._people: OrderedDict[int, list[W]] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[W]:
        for waiting in self._people.values():
            yield from waiting

    @property
    def head(self) -> W | None:
        """Who is served next."""
        return next((waiting[0] for waiting in self._people.values()), None)

    def join(self, waiter: W) -> None:
        """Come last among the person's own; a new person comes last of all."""
        self._people.setdefault(waiter.person_id, []).append(waiter)
        self._length += 1

    def leave(self, waiter: W) -> None:
        """Go without having been served; nobody's place gets worse."""
        waiting = self._people[waiter.person_id]
        waiting.remove(waiter)
        self._length -= 1
        if not waiting:
            del self._people[waiter.person_id]

    def serve(self, waiter: W) -> None:
        """Go as served: the person's next turn waits until all others had theirs."""
        self.leave(waiter)
        if waiter.person_id in self._people:
            self._people.move_to_end(waiter.person_id)

    def position(self, waiter: W) -> int:
        """How many are served until it is this one's turn, itself included."""
        own = self._people[waiter.person_id].index(waiter)
        before = own
        passed = False
        for person_id, waiting in self._people.items():
            if person_id == waiter.person_id:
                passed = True
            else:
                # Those before the person are served once more by then than those behind.
                before += min(len(waiting), own if passed else own + 1)
        return before + 1
