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


def record(actor: Actor | None, action: str, thing: Model, **detail: str) -> None:
    """Write one entry in the caller's transaction. `actor` None is an operator's command."""
    AuditEntry.objects.create(
        actor_id=actor.user_id if actor else None,
        actor=actor.name if actor else "",
        ip=actor.ip if actor else None,
        action=action,
        object_kind=thing._meta.label_lower,
        object_id=str(thing.pk),
        object_name=str(thing)[:200],
        detail=detail,
    )
