"""Writing the audit log."""

from dataclasses import dataclass

from django.db.models import Model

from accounts.models import AuditEntry


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: a person's id and user name, and the address the request came from."""

    user_id: int
    name: str
    ip: str | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """A thing that no table holds, such as what the environment sets."""

    kind: str
    id: str
    name: str


def record(actor: Actor | None, action: str, thing: Model | Named, **detail: str) -> None:
    """Write one entry in the caller's transaction. `actor` None is an operator's command."""
    if isinstance(thing, Model):
        thing = Named(thing._meta.label_lower, str(thing.pk), str(thing))
    AuditEntry.objects.create(
        actor_id=actor.user_id if actor else None,
        actor=actor.name if actor else "",
        ip=actor.ip if actor else None,
        action=action,
        object_kind=thing.kind,
        object_id=thing.id[:40],
        object_name=_storable(thing.name)[:200],
        detail={name: _storable(text) for name, text in detail.items()},
    )


def _storable(text: str) -> str:
    # PostgreSQL stores no NUL, and what was typed into a form may hold one.
    return text.replace("\0", "\ufffd")
