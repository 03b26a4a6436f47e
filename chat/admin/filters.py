"""Filters whose choices are read from short tables, never from the turns themselves."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _

from accounts.models import Team
from billing.models import Quality
from billing.prices import price_list
from chat.models import ConversationSource

MAX_TEAMS = 200


class ModelFilter(admin.SimpleListFilter):
    """One model. Only a model with a price can have turns."""

    title = _("model")
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        """Every model with a price."""
        return [(model, model) for model in sorted(price_list())]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        """Turns of the model."""
        return queryset.filter(model=self.value()) if self.value() else queryset


class SourceFilter(admin.SimpleListFilter):
    """Asked by people, by programs, or by a batch."""

    title = _("who asked")
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        """The sources of conversations."""
        return [(source.value, source.label) for source in ConversationSource]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        """Turns of the source."""
        return queryset.filter(conversation__source=self.value()) if self.value() else queryset


class QualityFilter(admin.SimpleListFilter):
    """On what evidence the cost stands."""

    title = _("evidence")
    parameter_name = "quality"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        """The qualities of billing."""
        return [(quality.value, quality.label) for quality in Quality]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        """Turns of the quality."""
        return queryset.filter(quality=self.value()) if self.value() else queryset


class TeamFilter(admin.SimpleListFilter):
    """One team. Personal teams are not listed, but are found through their person."""

    title = _("team")
    parameter_name = "team"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        """Shared teams by name."""
        teams = Team.objects.filter(personal=False).order_by("name", "id")[:MAX_TEAMS]
        return [(str(team.pk), team.name) for team in teams]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        """Rows of the team."""
        return queryset.filter(team_id=self.value()) if self.value() else queryset


class DayFilter(admin.SimpleListFilter):
    """Days in UTC, as the ledger counts them: some to choose from, or one date in the address."""

    title = _("day (UTC)")
    parameter_name = "day"
    column = "created_at"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        """The stretches of the overview, and a chosen date where there is one."""
        stretches: list[tuple[str, Any]] = [
            ("today", _("Today")),
            ("yesterday", _("Yesterday")),
            ("7", _("Last 7 days")),
            ("30", _("Last 30 days")),
        ]
        chosen = request.GET.get(self.parameter_name, "")
        if _date_in(chosen) is not None:
            stretches.append((chosen, chosen))
        return stretches

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        """Rows that began in the stretch. A range, so that the index serves it."""
        days = self._days(self.value() or "")
        if days is None:
            return queryset
        first, after = days
        return queryset.filter(**{f"{self.column}__gte": first, f"{self.column}__lt": after})

    def _days(self, chosen: str) -> tuple[datetime, datetime] | None:
        today = datetime.combine(timezone.now().astimezone(UTC).date(), time.min, UTC)
        day, tomorrow = timedelta(days=1), today + timedelta(days=1)
        date = _date_in(chosen)
        if date is not None:
            return date, date + day
        return {
            "today": (today, tomorrow),
            "yesterday": (today - day, today),
            "7": (today - 6 * day, tomorrow),
            "30": (today - 29 * day, tomorrow),
        }.get(chosen)


def _date_in(text: str) -> datetime | None:
    try:
        date = parse_date(text)
    except ValueError:
        return None
    return None if date is None else datetime.combine(date, time.min, UTC)
