"""The page about a team's credit, for its owners and admins: what is left, and redeeming codes."""

from typing import Any
from uuid import UUID

from allauth.core import ratelimit
from django import forms
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts.actors import actor_of
from accounts.authentication import authenticate_request
from accounts.models import Team
from accounts.policy import NotVisible, PolicyRefusal, Principal, allows, require
from accounts.roles import Capability
from billing.budgets import budget_of
from billing.codes import MAX_TYPED_CHARACTERS, redeem
from billing.errors import CodeRefused
from billing.formatting import exact_usd
from billing.models import Transfer, TransferKind

MANAGE = Capability.MANAGE_BUDGET
SHOWN_GRANTS = 20
TRIES = "redeem_code"
"""Whose rates stand in the setting ACCOUNT_RATE_LIMITS."""
WIDGET = forms.TextInput(
    attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
)


class RedeemForm(forms.Form):
    """A code, as it was given."""

    code = forms.CharField(
        label=pgettext_lazy("redemption", "Code"),
        max_length=MAX_TYPED_CHARACTERS,
        widget=WIDGET,
        help_text=gettext_lazy("20 letters and digits. Dashes and capitals do not matter."),
    )


@require_safe
@never_cache
def credit(request: HttpRequest) -> HttpResponseBase:
    """Lead to the current team's page, or to another's whose credit the person manages."""
    principal = authenticate_request(request)
    if principal is None:
        return redirect_to_login(request.get_full_path())
    managed = _managed(principal)
    if not managed:
        raise PermissionDenied
    here = principal.team_id if principal.team_id in managed else managed[0]
    return redirect("team_credit", here)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters("code")
def team_credit(request: HttpRequest, team_id: UUID) -> HttpResponseBase:
    """Show a team's credit, or redeem a code for it. A foreign team looks like none."""
    principal = authenticate_request(request)
    if principal is None:
        return redirect_to_login(request.get_full_path())
    try:
        require(principal, MANAGE, team_id)
    except NotVisible:
        raise Http404 from None
    except PolicyRefusal:
        said = _("A team’s credit is managed by its owners and admins. Ask one of them.")
        raise PermissionDenied(said) from None
    if request.method != "POST":
        return _page(request, principal, team_id, RedeemForm())
    form = RedeemForm(request.POST)
    if not ratelimit.consume(request, action=TRIES):
        form.add_error("code", _("Too many tries. Wait ten minutes, then try again."))
        return _page(request, principal, team_id, form, status=429)
    if form.is_valid() and _redeemed(request, form, team_id):
        return redirect("team_credit", team_id)
    return _page(request, principal, team_id, form)


def _redeemed(request: HttpRequest, form: RedeemForm, team_id: UUID) -> bool:
    actor = actor_of(request)
    if actor is None:
        raise PermissionDenied
    try:
        grant = redeem(form.cleaned_data["code"], team_id=team_id, actor=actor)
    except CodeRefused as refusal:
        form.add_error("code", refusal.told())
        return False
    amount = exact_usd(grant.amount_nano_usd)
    messages.success(request, _("%(amount)s credit added.") % {"amount": amount})
    return True


def _page(
    request: HttpRequest, principal: Principal, team_id: UUID, form: RedeemForm, status: int = 200
) -> HttpResponse:
    kinds = (TransferKind.GRANT, TransferKind.ADJUSTMENT)
    grants = Transfer.objects.filter(team_id=team_id, kind__in=kinds).select_related("person")
    context: dict[str, Any] = {
        "team": Team.objects.get(pk=team_id),
        "others": Team.objects.filter(pk__in=_managed(principal)).exclude(pk=team_id),
        "budget": budget_of(team_id),
        "grants": grants.order_by("-id")[:SHOWN_GRANTS],
        "form": form,
    }
    return render(request, "billing/credit.html", context, status=status)


def _managed(principal: Principal) -> list[UUID]:
    return [team_id for team_id in principal.roles if allows(principal, MANAGE, team_id)]
