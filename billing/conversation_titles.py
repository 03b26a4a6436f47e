"""Titles of conversations on pages of usage. Billing knows ids; who keeps the titles lies above it
and decides who may read them."""

from collections.abc import Callable, Collection, Mapping
from uuid import UUID

from accounts.policy import Principal

Source = Callable[[Collection[UUID], Principal], Mapping[UUID, str]]

_sources: list[Source] = []


def tell_titles_by(source: Source) -> None:
    """Ask `source` from now on, alone. It leaves out what the person may not read."""
    _sources[:] = [source]


def titles_for(principal: Principal | None, ids: Collection[UUID | None]) -> dict[UUID, str]:
    """The titles that a person may read. Of the others, and of the untitled, the id is shown."""
    known = [id for id in ids if id is not None]
    if principal is None or not known or not _sources:
        return {}
    told = _sources[0](known, principal)
    return {id: title for id, title in told.items() if title}
