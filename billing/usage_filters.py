"""Which part of the usage a page shows: what its address asks for, and how that is told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.policy import Principal
from billing.conversation_titles import titles_for
from billing.usage import Slice

RANGES_DAYS = (1, 7, 30)


@dataclass(frozen=True)
class Filter:
    """What the address asks for; what it asks wrongly is ignored."""

    days: int = 30
    team: UUID | None = None
    person: int | None = None
    model: str = ""
    route: str = ""
    conversation: UUID | None = None

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Filter":
        """Read `days`, `team`, `person`, `model`, `route` and `conversation`."""
        days, person = query.get("days", ""), query.get("person", "")
        return cls(
            days=int(days) if days in {str(known) for known in RANGES_DAYS} else 30,
            team=_uuid(query.get("team", "")),
            person=int(person)
            if person.isascii() and person.isdecimal() and len(person) < 19
            else None,
            # PostgreSQL refuses to look for NUL, which no name has.
            model=query.get("model", "").replace("\x00", "")[:200],
            route=query.get("route", "").replace("\x00", "")[:100],
            conversation=_uuid(query.get("conversation", "")),
        )

    @property
    def narrows(self) -> dict[str, Any]:
        """Everything but the days, by the names in the address; nothing stands for no filter."""
        return {
            "team": self.team,
            "person": self.person,
            "model": self.model,
            "route": self.route,
            "conversation": self.conversation,
        }

    def slice(self, first: date, last: date) -> Slice:
        """The usage that is asked for on some days, the last one included."""
        return Slice(
            first,
            last,
            self.team,
            self.person,
            self.model or None,
            self.route or None,
            self.conversation,
        )


def told(
    only: Filter, reader: Principal | None, team: str = "", person: str = ""
) -> Iterator[tuple[str, str]]:
    """Each filter in force: its name in the address, and how it is told to a person.

    What the team and the person are called is the caller's to find: not everybody may know it.
    """
    if only.team is not None:
        yield "team", _("Team: %(name)s") % {"name": team or "?"}
    if only.person is not None:
        yield "person", _("Person: %(name)s") % {"name": person or "?"}
    if only.model:
        yield "model", _("Model: %(name)s") % {"name": only.model}
    if only.route:
        yield "route", _("Relay: %(name)s") % {"name": only.route}
    if only.conversation is not None:
        titles = titles_for(reader, [only.conversation])
        name = titles.get(only.conversation) or str(only.conversation)
        yield "conversation", _("Conversation: %(name)s") % {"name": name}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
