"""Pages about usage: one's own, and a team's statement for its owners and admins."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.authentication import authenticate_request
from accounts.models import Team, User
from accounts.policy import NotVisible, PolicyRefusal, Principal, allows, require
from accounts.roles import Capability
from billing.exchange import Conversion, conversion
from billing.models import Currency
from billing.room import room_of
from billing.snapshot import snapshot
from billing.statement_files import csv_of, workbook_of
from billing.statements import Statement, by_day, by_spend, month_of, statement
from billing.usage import Slice, Usage
from billing.usage_folding import fold_if_due
from billing.usage_tables import drawn, figures_table
from billing.zones import chosen_zone, today, zones

REMEMBERED = "statement_currency"
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@require_safe
@never_cache
def my_usage(request: HttpRequest) -> HttpResponseBase:
    """What the person used in a month, and what is left for her."""
    principal = authenticate_request(request)
    if principal is None:
        return redirect_to_login(request.get_full_path())
    if principal.via != "session":
        raise PermissionDenied
    zone, month = chosen_zone(request), _month(request)
    first, last = month_of(month)
    asked = Slice(first, last, person_id=principal.user_id)
    fold_if_due(zone)
    with snapshot():
        usage = Usage(zone)
        teams, models = usage.by("team_id", asked), usage.by("model", asked)
        days, total = by_day(usage.by("day", asked)), usage.total(asked)
    names = dict(Team.objects.filter(pk__in=[*teams, *principal.roles]).values_list("pk", "name"))
    chatting = [id for id in principal.roles if allows(principal, Capability.SEND_MESSAGE, id)]
    context = _choices(zone, month) | {
        "figures": total,
        "tables": [figures_table("model", by_spend(models)), figures_table("day", days)],
        "chart": drawn(days, first, last),
        "rooms": [(names.get(id, ""), room_of(id, principal.user_id)) for id in chatting],
    }
    if len(teams) > 1:
        context["tables"].insert(0, figures_table("team", by_spend(teams, names)))
    return render(request, "billing/usage.html", context)


@require_safe
@never_cache
def statements(request: HttpRequest) -> HttpResponseBase:
    """Lead to the current team's statement, or to another's that the person may see."""
    principal = authenticate_request(request)
    if principal is None:
        return redirect_to_login(request.get_full_path())
    managed = _managed(principal)
    if not managed:
        raise PermissionDenied
    return redirect("statement", principal.team_id if principal.team_id in managed else managed[0])


@require_safe
@never_cache
def team_statement(request: HttpRequest, team_id: UUID) -> HttpResponseBase:
    """Show a team's statement of a month. A foreign team looks like none."""
    principal = authenticate_request(request)
    if principal is None:
        return redirect_to_login(request.get_full_path())
    shown, rate, asked = _asked(request, principal, team_id)
    context = _choices(shown.zone, shown.first) | {
        "statement": shown,
        "rate": rate,
        "currencies": Currency.values,
        "currency": asked,
        "figures": shown.figures,
        "tables": [
            figures_table("person", shown.people),
            figures_table("model", shown.models),
            figures_table("day", shown.days),
        ],
        "chart": drawn(shown.days, shown.first, shown.last),
        "others": Team.objects.filter(pk__in=_managed(principal)).exclude(pk=team_id),
        "printed": datetime.now(UTC),
    }
    return render(request, "billing/statement.html", context)


@require_safe
@never_cache
def statement_file(request: HttpRequest, team_id: UUID, kind: str) -> HttpResponseBase:
    """The same statement as a CSV file or a workbook."""
    principal = authenticate_request(request)
    if principal is None:
        return redirect_to_login(request.get_full_path())
    if kind not in ("csv", "xlsx"):
        raise Http404
    shown, rate, _currency = _asked(request, principal, team_id)
    if kind == "csv":
        response = HttpResponse(csv_of(shown, rate), content_type="text/csv; charset=utf-8")
    else:
        response = HttpResponse(workbook_of(shown, rate), content_type=WORKBOOK)
    name = f"statement-{shown.first:%Y-%m}.{kind}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _asked(
    request: HttpRequest, principal: Principal, team_id: UUID
) -> tuple[Statement, Conversion | None, str]:
    """The statement, the rate it is shown at, and the currency asked for; refuses who may not."""
    if not _is_staff(request, principal):
        try:
            require(principal, Capability.MANAGE_BUDGET, team_id)
        except NotVisible:
            raise Http404 from None
        except PolicyRefusal:
            raise PermissionDenied from None
    team = Team.objects.filter(pk=team_id).first()
    if team is None:
        raise Http404
    zone, currency = chosen_zone(request), _currency(request)
    fold_if_due(zone)
    shown = statement(team, _month(request), zone)
    last_moment = min(shown.until - timedelta(microseconds=1), datetime.now(UTC))
    return shown, conversion(currency, last_moment), currency


def _is_staff(request: HttpRequest, principal: Principal) -> bool:
    user = request.user
    return (
        principal.via == "session"
        and isinstance(user, User)
        and user.is_staff
        and user.has_perm("billing.view_settlement")
    )


def _managed(principal: Principal) -> list[UUID]:
    manage = Capability.MANAGE_BUDGET
    return [team_id for team_id in principal.roles if allows(principal, manage, team_id)]


def _month(request: HttpRequest) -> date:
    """The first day of the month that the address asks for; of this one, where that is none."""
    now = today(chosen_zone(request)).replace(day=1)
    try:
        asked = datetime.strptime(request.GET.get("month", ""), "%Y-%m").date()
    except ValueError:
        return now
    return asked if date(2000, 1, 1) <= asked <= now else now


def _currency(request: HttpRequest) -> str:
    asked = request.GET.get("currency")
    if asked is not None:
        request.session[REMEMBERED] = asked if asked in Currency.values else ""
    return str(request.session.get(REMEMBERED, ""))


def _choices(zone: str, month: date) -> dict[str, Any]:
    this_month = today(zone).replace(day=1)
    after = (month + timedelta(days=31)).replace(day=1)
    return {
        "zone": zone,
        "zones": zones(),
        "month": month,
        "this_month": this_month,
        "month_before": (month - timedelta(days=1)).replace(day=1),
        "month_after": after if after <= this_month else None,
    }
