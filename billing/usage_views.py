"""Pages about usage: one's own, and a team's statement for its owners and admins."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.authentication import authenticate_request
from accounts.models import APIKey, Membership, Team, User
from accounts.policy import NotVisible, PolicyRefusal, Principal, allows, require
from accounts.roles import Capability
from accounts.services.keys import in_force
from billing.models import Settlement
from billing.room import Room, room_of, rooms_of_keys
from billing.snapshot import snapshot
from billing.statement_files import csv_of, workbook_of
from billing.statements import (
    CONVERSATIONS_SHOWN,
    Statement,
    by_conversation,
    by_day,
    by_spend,
    month_of,
    statement,
)
from billing.usage import Usage
from billing.usage_filters import Filter
from billing.usage_folding import fold_if_due
from billing.usage_query import Asked
from billing.usage_tables import drawing, figures_table

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
    asked = Asked.of(request, "team", "model", "route", "conversation")
    first, last = month_of(asked.month)
    mine = replace(asked.only, person=principal.user_id).slice(first, last)
    fold_if_due(asked.zone)
    with snapshot():
        usage = Usage(asked.zone)
        teams, models = usage.by("team_id", mine), usage.by("model", mine)
        routes, days = usage.by("route", mine), by_day(usage.by("day", mine))
        conversations, total = by_conversation(usage, mine, principal), usage.total(mine)
    names = dict(Team.objects.filter(pk__in=[*teams, *principal.roles]).values_list("pk", "name"))
    chatting = [id for id in principal.roles if allows(principal, Capability.SEND_MESSAGE, id)]
    blocks = {
        "team": by_spend(teams, names),
        "model": by_spend(models),
        "route": by_spend(routes),
        "conversation": conversations,
        "day": days,
    }
    team = names.get(asked.only.team, "") if asked.only.team else ""
    of_keys = _rooms_of_her_keys(principal)
    context = asked.choices(principal, team) | {
        "figures": total,
        "tables": [
            figures_table(kind, lines, asked)
            for kind, lines in blocks.items()
            if kind != "team" or len(lines) > 1
        ],
        **drawing(days, first, last),
        "rooms": [
            (names.get(id, ""), (*room_of(id, principal.user_id), *of_keys.get(id, ())))
            for id in chatting
        ],
    }
    return render(request, "billing/usage.html", context)


def _rooms_of_her_keys(principal: Principal) -> dict[UUID, tuple[Room, ...]]:
    """By team the budgets of the keys that she has in it, of those that work."""
    keys = list(in_force(APIKey.objects.filter(user_id=principal.user_id)))
    teams: dict[UUID, tuple[Room, ...]] = {}
    rooms = rooms_of_keys(keys)
    for key in keys:
        teams[key.team_id] = (*teams.get(key.team_id, ()), *rooms.get(key.pk, ()))
    return teams


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
    shown, asked = _stated(request, principal, team_id)
    blocks = {
        "person": shown.people,
        "model": shown.models,
        "route": shown.routes,
        "conversation": shown.conversations,
        "day": shown.days,
    }
    others = Team.objects.filter(pk__in=_managed(principal)).exclude(pk=team_id)
    # Nobody and nothing of this team is in another one.
    elsewhere = replace(asked, only=Filter()).query()
    person = _name_within(team_id, asked.only.person)
    context = asked.choices(principal, person=person) | {
        "statement": shown,
        "figures": shown.figures,
        "tables": [figures_table(kind, lines, asked) for kind, lines in blocks.items()],
        **drawing(shown.days, shown.first, shown.last),
        "others": [(other, reverse("statement", args=[other.pk]) + elsewhere) for other in others],
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
    shown, asked = _stated(request, principal, team_id, every_conversation=True)
    rate = asked.rate()
    if kind == "csv":
        response = HttpResponse(csv_of(shown, rate), content_type="text/csv; charset=utf-8")
    else:
        response = HttpResponse(workbook_of(shown, rate), content_type=WORKBOOK)
    name = f"statement-{shown.first:%Y-%m}.{kind}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _stated(
    request: HttpRequest, principal: Principal, team_id: UUID, *, every_conversation: bool = False
) -> tuple[Statement, Asked]:
    """The statement that the address asks for; refuses who may not."""
    if not _is_staff(request, principal):
        try:
            require(principal, Capability.MANAGE_BUDGET, team_id)
        except NotVisible:
            raise Http404 from None
        except PolicyRefusal:
            said = _("A team’s statements are for its owners and admins. Ask one of them.")
            raise PermissionDenied(said) from None
    team = Team.objects.filter(pk=team_id).first()
    if team is None:
        raise Http404
    asked = Asked.of(request, "person", "model", "route", "conversation")
    fold_if_due(asked.zone)
    most = None if every_conversation else CONVERSATIONS_SHOWN
    return statement(team, asked.month, asked.zone, asked.only, principal, most), asked


def _name_within(team_id: UUID, person_id: int | None) -> str:
    """What somebody is called who is, or was, in a team. Whoever was not stays unknown here."""
    if person_id is None:
        return ""
    members = Membership.objects.filter(team_id=team_id, user_id=person_id)
    turns = Settlement.objects.filter(team_id=team_id, person_id=person_id)
    if not (members.exists() or turns.exists()):
        return ""
    return str(User.objects.values_list("username", flat=True).get(pk=person_id))


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
