"""The pages of batches: the list with the form of a new one, one batch, one of its lines."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.authentication import authenticate_request
from accounts.models import Team
from accounts.policy import Forbidden, NotVisible, Principal, allows, require
from accounts.roles import Capability
from chat.api.models import models_for
from chat.models import LineState
from chat.queries.batch_texts import beginnings_of, texts_of
from chat.queries.batches import batch_for, batch_list, line_page, view_of_batch
from chat.queries.cursors import CursorInvalid
from chat.services.batch_changes import (
    delete_batch,
    may_delete,
    may_resume,
    may_stop,
    resume_batch,
    stop_batch,
)
from chat.services.batches import make_batch
from chat.services.errors import Refused
from chat.views.batch_form import BatchForm
from chat.views.batch_shown import shown_batch, shown_line, states_of
from chat.views.batch_verdict import Verdict, look_at
from chat.views.batch_words import refusal_words

PAGE_BATCHES = 30
PAGE_LINES = 50
MOST_AFTER = 2**31 - 1
EXAMPLE = """\
{"id": "capital", "prompt": "What is the capital of Vietnam? One word."}
{"id": "poem", "prompt": "A poem of four lines about a tram.", "max_tokens": 100}
{"id": "french", "system": "Translate into French.", "prompt": "The next stop is ours."}
"""

Page = Callable[..., HttpResponseBase]


def for_somebody(page: Page) -> Page:
    """Give a page its principal; strangers sign in first, and what is not theirs is not there."""

    @wraps(page)
    def shown(request: HttpRequest, *args: Any, **more: Any) -> HttpResponseBase:
        principal = authenticate_request(request)
        if principal is None:
            return redirect_to_login(request.get_full_path())
        try:
            return page(request, principal, *args, **more)
        except NotVisible:
            raise Http404 from None
        except Forbidden:
            raise PermissionDenied(_("Your role in this team does not allow this.")) from None

    return shown


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_somebody
def batches(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """List the team's batches, look at the lines of a new one, or make it."""
    models = models_for(principal)
    if request.method != "POST":
        return _list(request, principal, BatchForm(models.items, models.default))
    require(principal, Capability.SEND_MESSAGE, principal.team_id)
    form = BatchForm(models.items, models.default, request.POST, request.FILES)
    if not form.is_valid():
        form.put_back()
        return _list(request, principal, form, refusals=form.refusals)
    wanted = form.wanted()
    form.put_back()
    try:
        if request.POST.get("act") == "check":
            return _list(request, principal, form, verdict=look_at(principal, wanted))
        made = make_batch(principal, wanted)
    except Refused as refused:
        return _list(request, principal, form, refusals=[refusal_words(refused)])
    return redirect("batch", made.batch_id)


@require_safe
@never_cache
@for_somebody
def batch(request: HttpRequest, principal: Principal, batch_id: UUID) -> HttpResponseBase:
    """Show how far a batch is, and its lines."""
    found = batch_for(principal, batch_id)
    state = request.GET.get("state", "")
    state = state if state in LineState.values else ""
    after = _number(request.GET.get("after", ""))
    page = line_page(found, state, after, PAGE_LINES)
    texts = beginnings_of(found, [line.number for line in page.items])
    shown = shown_batch(view_of_batch(found))
    context = {
        "batch": shown,
        "lines": [shown_line(line, texts[line.number]) for line in page.items],
        "states": states_of(shown),
        "state": state,
        "after": after,
        "next": page.next,
        "results": f"/api/batches/{found.pk}/results",
        "may_stop": may_stop(principal, found),
        "may_resume": may_resume(principal, found),
        "may_delete": may_delete(principal, found),
    }
    return render(request, "chat/batch.html", context)


@require_safe
@never_cache
@for_somebody
def batch_line(
    request: HttpRequest, principal: Principal, batch_id: UUID, number: int
) -> HttpResponseBase:
    """Show one line whole."""
    found = batch_for(principal, batch_id)
    page = line_page(found, after=min(number, MOST_AFTER) - 1, limit=1)
    if not page.items or page.items[0].number != number:
        raise NotVisible
    line = shown_line(page.items[0], texts_of(found, number))
    context = {"batch": shown_batch(view_of_batch(found)), "line": line}
    return render(request, "chat/batch_line.html", context)


@require_POST
@for_somebody
def batch_stop(request: HttpRequest, principal: Principal, batch_id: UUID) -> HttpResponseBase:  # noqa: ARG001
    """Stop a batch."""
    stop_batch(principal, batch_id)
    return redirect("batch", batch_id)


@require_POST
@for_somebody
def batch_resume(request: HttpRequest, principal: Principal, batch_id: UUID) -> HttpResponseBase:
    """Let a stopped batch go on."""
    try:
        resume_batch(principal, batch_id)
    except Refused as refused:
        messages.error(request, refusal_words(refused))
    return redirect("batch", batch_id)


@require_POST
@for_somebody
def batch_delete(request: HttpRequest, principal: Principal, batch_id: UUID) -> HttpResponseBase:
    """Delete a batch with its answers."""
    delete_batch(principal, batch_id)
    messages.success(request, _("The batch is deleted."))
    return redirect("batches")


def _list(
    request: HttpRequest,
    principal: Principal,
    form: BatchForm,
    *,
    refusals: list[str] | None = None,
    verdict: Verdict | None = None,
) -> HttpResponse:
    try:
        page = batch_list(principal, request.GET.get("before"), PAGE_BATCHES)
    except CursorInvalid:
        raise NotVisible from None
    context = {
        "shown": [shown_batch(view) for view in page.items],
        "older": page.next,
        "team": Team.objects.get(pk=principal.team_id),
        "may_send": allows(principal, Capability.SEND_MESSAGE, principal.team_id),
        "form": form,
        "refusals": refusals or [],
        "verdict": verdict,
        "example": EXAMPLE,
        "most_bytes": settings.BATCHES.max_bytes,
    }
    return render(request, "chat/batches.html", context, status=400 if refusals else 200)


def _number(text: str) -> int:
    return min(int(text), MOST_AFTER) if text.isascii() and text.isdigit() else 0
