"""The pages of API keys: one's own, those of a team one manages, a new one, its budget, its end."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from accounts.actors import actor_of
from accounts.authentication import authenticate_request
from accounts.errors import KeyDead, KeyMadeBefore, TooManyKeys
from accounts.models import Team
from accounts.policy import Forbidden, NotVisible, Principal, allows, require
from accounts.roles import Capability
from accounts.services.visible_keys import key_for, own_key, revoke_visible_key, visible_keys
from billing.api_keys import budget_of_key, change_key_budget, make_own_key
from billing.errors import KeyBudgetOfOthers
from chat.api.models import models_for
from chat.views.key_form import KeyBudgetForm, KeyForm
from chat.views.key_rows import EXAMPLE_MODEL, examples, rows_of

TRIES = "make_key"
"""Whose rates stand in the setting ACCOUNT_RATE_LIMITS."""
SHOWN_DEAD = 20
PAGE_KEYS = 50
Page = Callable[..., HttpResponseBase]


def for_a_person(page: Page) -> Page:
    """Give a page its principal. Strangers sign in first, programs manage no keys, and what is
    not theirs is not there."""

    @wraps(page)
    def shown(request: HttpRequest, *args: Any, **more: Any) -> HttpResponseBase:
        principal = authenticate_request(request)
        if principal is None:
            return redirect_to_login(request.get_full_path())
        if principal.via != "session":
            raise PermissionDenied(_("A key manages no keys. Sign in instead."))
        try:
            return page(request, principal, *args, **more)
        except NotVisible:
            raise Http404 from None
        except Forbidden:
            raise PermissionDenied(_("Your role in this team does not allow this.")) from None

    return shown


@require_safe
@never_cache
@for_a_person
def keys(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """List one's own keys, those that work first."""
    rows = rows_of(visible_keys(principal).filter(user_id=principal.user_id))
    managed = Team.objects.filter(pk__in=_teams_with(principal, Capability.MANAGE_TEAM))
    context = {
        "rows": [row for row in rows if row.works],
        "dead": [row for row in rows if not row.works][:SHOWN_DEAD],
        "managed": managed.filter(personal=False).order_by("name", "pk"),
        "may_make": bool(_teams_with(principal, Capability.CREATE_API_KEY)),
    }
    return render(request, "chat/keys.html", context)


@require_safe
@never_cache
@for_a_person
def team_keys(request: HttpRequest, principal: Principal, team_id: UUID) -> HttpResponseBase:
    """List all keys of a team, for its owners and admins."""
    require(principal, Capability.MANAGE_TEAM, team_id)
    found = visible_keys(principal).filter(team_id=team_id)
    # Said outright: the databases differ about where nothing stands.
    ordered = found.order_by(F("revoked_at").desc(nulls_first=True), "-pk")
    page = Paginator(ordered, PAGE_KEYS).get_page(request.GET.get("page"))
    team = Team.objects.get(pk=team_id)
    context = {"team": team, "page": page, "rows": rows_of(page.object_list)}
    return render(request, "chat/team_keys.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_a_person
def new_key(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """Show the form of a new key, or make it and show it: in this answer, and never again."""
    team_ids = _teams_with(principal, Capability.CREATE_API_KEY)
    if not team_ids:
        raise Forbidden
    named = Team.objects.filter(pk__in=team_ids).order_by("personal", "name", "pk")
    teams = [(str(team_id), name) for team_id, name in named.values_list("pk", "name")]
    offered = models_for(principal)
    if request.method != "POST":
        here = str(principal.team_id) if principal.team_id in team_ids else teams[0][0]
        return _form(request, KeyForm(teams, offered.items, initial={"team": here}))
    form = KeyForm(teams, offered.items, request.POST)
    if not form.is_valid():
        return _form(request, form)
    if not ratelimit.consume(request, action=TRIES):
        form.add_error(None, _("You made many keys within an hour. Make the next one later."))
        return _form(request, form)
    return _made(request, principal, form, offered.default)


@sensitive_variables("made", "context")
def _made(
    request: HttpRequest, principal: Principal, form: KeyForm, default: str
) -> HttpResponseBase:
    prefix, actor = form.cleaned_data["once"], actor_of(request)
    try:
        made = make_own_key(principal, form.team_id, form.wish(), prefix=prefix, actor=actor)
    except KeyMadeBefore:
        messages.warning(
            request,
            _(
                "This key was made already, and it is shown only once. If you have not kept it, "
                "revoke it and make another one."
            ),
        )
        return redirect("keys")
    except TooManyKeys as error:
        said = ngettext(
            "You have %(limit)d key already, and may have no more. Revoke it first.",
            "You have %(limit)d keys already, and may have no more. Revoke one first.",
            error.limit,
        )
        form.add_error(None, said % {"limit": error.limit})
        return _form(request, form)
    model = next(iter(made.key.model_names), default) or EXAMPLE_MODEL
    base_url = request.build_absolute_uri("/v1")
    context: dict[str, Any] = {"key": made.key, "secret": made.secret, "base_url": base_url}
    context["examples"] = examples(base_url, model)
    return render(request, "chat/key_made.html", context)


def _form(request: HttpRequest, form: KeyForm) -> HttpResponse:
    status = 400 if form.errors else 200
    return render(request, "chat/key_new.html", {"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_a_person
def key_budget(request: HttpRequest, principal: Principal, key_id: int) -> HttpResponseBase:
    """Show what one of one's own keys may spend, or change it."""
    try:
        key = own_key(principal, key_id)
        if request.method != "POST":
            now = budget_of_key(key)
            form = KeyBudgetForm(
                initial={"amount": now.amount_nano_usd, "period": now.period} if now else {}
            )
        else:
            form = KeyBudgetForm(request.POST)
            if form.is_valid():
                change_key_budget(principal, key_id, form.budget(), actor=actor_of(request))
                messages.success(request, _("The budget of %(key)s is set.") % {"key": key.name})
                return redirect("keys")
    except KeyDead:
        messages.error(request, _("This key is revoked or has expired. Make a new one."))
        return redirect("keys")
    except KeyBudgetOfOthers as refused:
        form.add_error("period", refused.told())
    context = {"form": form, "row": rows_of([key])[0]}
    return render(request, "chat/key_budget.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_a_person
def key_revoke(request: HttpRequest, principal: Principal, key_id: int) -> HttpResponseBase:
    """Ask whether a key shall end, or end it."""
    key = key_for(principal, key_id)
    is_own = key.user_id == principal.user_id
    if request.method != "POST":
        context = {"row": rows_of([key])[0], "is_own": is_own}
        return render(request, "chat/key_revoke.html", context)
    revoke_visible_key(principal, key_id, actor=actor_of(request))
    messages.success(request, _("%(key)s is revoked: it opens nothing any more.") % {"key": key})
    return redirect("keys") if is_own else redirect("team_keys", key.team_id)


def _teams_with(principal: Principal, capability: Capability) -> list[UUID]:
    return [team_id for team_id in principal.roles if allows(principal, capability, team_id)]
