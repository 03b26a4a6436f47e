"""Doors to batches: make one, see how far it is, stop it, go on, fetch its answers."""

from typing import Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from accounts.roles import Capability
from chat.api.batch_requests import wanted_batch
from chat.api.batch_results import CONTENT_TYPES, results_file
from chat.api.credentials import principal_of
from chat.api.rendering import PlainValueRenderer
from chat.queries.batches import (
    MAX_LINES,
    MAX_LIST_ITEMS,
    BatchPage,
    BatchView,
    LinePage,
    batch_for,
    batch_list,
    line_page,
    view_of_batch,
)
from chat.services.batch_changes import delete_batch, rename_batch, resume_batch, stop_batch
from chat.services.batches import make_batch

router = Router()


class ListFilter(Schema):
    """What part of the list is asked for."""

    before: str | None = Field(None, max_length=200)
    limit: int = Field(30, ge=1, le=MAX_LIST_ITEMS)


class LineFilter(Schema):
    """Which lines are asked for."""

    state: Literal["", "waiting", "running", "answered", "failed"] = ""
    after: int = Field(0, ge=0, le=2**31 - 1)
    limit: int = Field(100, ge=1, le=MAX_LINES)


class FileForm(Schema):
    """As what kind of file the answers are wanted."""

    format: Literal["jsonl", "csv"] = "jsonl"


class Changes(Schema):
    """What is to change."""

    model_config = ConfigDict(extra="forbid")

    name: str


@router.post("")
def make(request: HttpRequest) -> HttpResponse:
    """Make a batch of JSON, of JSONL, of lines of text, or of an uploaded file."""
    principal = principal_of(request)
    made = make_batch(principal, wanted_batch(request))
    # Who may make one is told so, also without leave to look at it later: a refusal here would
    # have programs make it again.
    view = view_of_batch(batch_for(principal, made.batch_id, Capability.SEND_MESSAGE))
    status = 201 if made.created else 200
    body = PlainValueRenderer().render(request, view, response_status=status)
    return HttpResponse(body, status=status, content_type=PlainValueRenderer.media_type)


@router.get("")
def list_batches(request: HttpRequest, filters: Query[ListFilter]) -> BatchPage:
    """List the current team's batches."""
    return batch_list(principal_of(request), filters.before, filters.limit)


@router.get("/{batch_id}")
def show(request: HttpRequest, batch_id: UUID) -> BatchView:
    """Say how far a batch is."""
    return view_of_batch(batch_for(principal_of(request), batch_id))


@router.patch("/{batch_id}")
def change(request: HttpRequest, batch_id: UUID, changes: Changes) -> BatchView:
    """Rename a batch."""
    principal = principal_of(request)
    rename_batch(principal, batch_id, changes.name)
    return view_of_batch(batch_for(principal, batch_id))


@router.delete("/{batch_id}")
def delete(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Delete a batch with its answers."""
    delete_batch(principal_of(request), batch_id)
    return HttpResponse(status=204)


@router.post("/{batch_id}/stop")
def stop(request: HttpRequest, batch_id: UUID) -> BatchView:
    """Stop a batch."""
    principal = principal_of(request)
    stop_batch(principal, batch_id)
    return view_of_batch(batch_for(principal, batch_id))


@router.post("/{batch_id}/resume")
def resume(request: HttpRequest, batch_id: UUID) -> BatchView:
    """Go on with a stopped batch."""
    principal = principal_of(request)
    resume_batch(principal, batch_id)
    return view_of_batch(batch_for(principal, batch_id))


@router.get("/{batch_id}/lines")
def lines(request: HttpRequest, batch_id: UUID, filters: Query[LineFilter]) -> LinePage:
    """Show what each line took."""
    batch = batch_for(principal_of(request), batch_id)
    return line_page(batch, filters.state, filters.after, filters.limit)


@router.get("/{batch_id}/results")
def results(request: HttpRequest, batch_id: UUID, wanted: Query[FileForm]) -> StreamingHttpResponse:
    """Fetch the answers there are so far, as a file."""
    batch = batch_for(principal_of(request), batch_id)
    response = StreamingHttpResponse(
        results_file(batch.id, wanted.format), content_type=CONTENT_TYPES[wanted.format]
    )
    name = f"batch-{batch.id}.{wanted.format}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response
