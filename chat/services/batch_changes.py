"""Changing batches: stop, resume, rename, delete."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from accounts.policy import Forbidden, Principal, allows, require
from accounts.roles import Capability
from chat.models import Batch, BatchLine, BatchState, LineState, Turn, TurnState
from chat.queries.batches import batch_for
from chat.services.batches import check_name, check_running
from chat.services.leases import database_now


@transaction.atomic
def stop_batch(principal: Principal, batch_id: UUID) -> None:
    """Begin no line any more; those under way are interrupted, settled, and wait again.

    Stopping what does not run changes nothing. Raises NotVisible; Forbidden for whoever neither
    made it nor may interrupt answers.
    """
    batch = _locked(principal, batch_id)
    if batch.owner_id != principal.user_id:
        require(principal, Capability.INTERRUPT_TURN, batch.team_id)
    if batch.state == BatchState.RUNNING:
        halt(batch, "", "")
    interrupt_lines(batch, principal.user_id)


@transaction.atomic
def resume_batch(principal: Principal, batch_id: UUID) -> None:
    """Go on with a stopped batch, with the rights and the budget of now.

    Resuming what is not stopped changes nothing. Raises NotVisible; Forbidden for anybody but its
    person, in whose name it is paid for; TooManyTurns.
    """
    batch = _locked(principal, batch_id)
    if batch.owner_id != principal.user_id:
        raise Forbidden
    require(principal, Capability.SEND_MESSAGE, batch.team_id)
    if batch.state != BatchState.STOPPED:
        return
    check_running(principal)
    Batch.objects.filter(pk=batch.pk).update(
        state=BatchState.RUNNING,
        stop_code="",
        stop_message="",
        running_since=Now(),
        # By whom it goes on: a key that was revoked would stop it again.
        api_key_id=principal.api_key_id,
    )
    BatchLine.objects.filter(batch=batch, state=LineState.WAITING).exclude(not_before=None).update(
        not_before=None
    )


@transaction.atomic
def rename_batch(principal: Principal, batch_id: UUID, name: str) -> None:
    """Call it something else. Raises NotVisible, Forbidden, ContentInvalid."""
    batch = _locked(principal, batch_id)
    require(principal, Capability.EDIT_CONVERSATION, batch.team_id)
    check_name(name)
    Batch.objects.filter(pk=batch.pk).update(name=name.strip())


@transaction.atomic
def delete_batch(principal: Principal, batch_id: UUID) -> None:
    """Hide it from everybody at once, and interrupt what runs; its prompts and answers go as soon
    as nothing runs. What it cost stays in the ledger.

    Raises NotVisible; Forbidden for anybody but its person and the team's owners.
    """
    batch = _locked(principal, batch_id)
    if batch.owner_id == principal.user_id:
        require(principal, Capability.DELETE_CONVERSATION, batch.team_id)
    else:
        require(principal, Capability.MANAGE_OWNERS, batch.team_id)
    if batch.state == BatchState.RUNNING:
        halt(batch, "", "")
    interrupt_lines(batch, principal.user_id)
    # Stopped, so that those who look for work find it.
    Batch.objects.filter(pk=batch.pk).update(deleted_at=Now(), state=BatchState.STOPPED)


def may_stop(principal: Principal, batch: Batch) -> bool:
    """Whether `stop_batch` would be allowed."""
    own = batch.owner_id == principal.user_id
    return own or allows(principal, Capability.INTERRUPT_TURN, batch.team_id)


def may_resume(principal: Principal, batch: Batch) -> bool:
    """Whether `resume_batch` would be allowed."""
    own = batch.owner_id == principal.user_id
    return own and allows(principal, Capability.SEND_MESSAGE, batch.team_id)


def may_delete(principal: Principal, batch: Batch) -> bool:
    """Whether `delete_batch` would be allowed."""
    own = batch.owner_id == principal.user_id
    needed = Capability.DELETE_CONVERSATION if own else Capability.MANAGE_OWNERS
    return allows(principal, needed, batch.team_id)


def _locked(principal: Principal, batch_id: UUID) -> Batch:
    batch_for(principal, batch_id)
    lock_batch(batch_id)
    return batch_for(principal, batch_id)


def lock_batch(batch_id: UUID) -> None:
    """Let nobody else admit or end lines of the batch meanwhile: it is locked before its lines,
    and before people and budgets."""
    list(Batch.objects.select_for_update(no_key=True).filter(pk=batch_id).values("pk"))


def halt(batch: Batch, code: str, message: str) -> None:
    """Stop a running batch that is locked; `code` and `message` say why if no person did."""
    Batch.objects.filter(pk=batch.pk, state=BatchState.RUNNING).update(
        state=BatchState.STOPPED,
        stop_code=code,
        stop_message=message,
        **time_worked(batch.pk),
    )


def time_worked(batch_id: UUID) -> dict[str, Any]:
    """The columns that count the time since the batch was started, which ends now."""
    found = Batch.objects.filter(pk=batch_id).values_list("running_since", database_now()).first()
    if found is None or found[0] is None:
        return {"running_since": None}
    since, now = found
    worked = max(now - since, timedelta(0))
    return {
        "running_since": None,
        "worked_ms": F("worked_ms") + round(worked.total_seconds() * 1000),
    }


def interrupt_lines(batch: Batch, by_id: int | None) -> None:
    """Ask the owners of the running turns to stop them."""
    running = BatchLine.objects.filter(batch=batch, state=LineState.RUNNING)
    Turn.objects.filter(
        pk__in=running.values("turn_id"),
        state=TurnState.RUNNING,
        interrupt_requested_at__isnull=True,
    ).update(interrupt_requested_at=Now(), interrupted_by=by_id)
