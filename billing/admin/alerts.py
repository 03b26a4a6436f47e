"""Spend alerts: what was noticed, and whether it was told."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from import_export import fields, resources

from billing.admin.bases import ReadOnly, moment, money
from billing.admin.exports import Usd
from billing.models import SpendAlert
from billing.owners import key_called, owner_of


class SpendAlertResource(resources.ModelResource):  # type: ignore[misc]
    """Alerts."""

    team = fields.Field("budget__team__name", "team")
    scope = fields.Field("budget__scope", "scope")
    api_key = fields.Field("key_called", "api_key")
    used_usd = Usd("used_nano_usd", "used_usd")
    bound_usd = Usd("bound_nano_usd", "bound_usd")

    class Meta:
        """Columns in order."""

        model = SpendAlert
        fields = export_order = (
            "id",
            "created_at",
            "team",
            "scope",
            "api_key",
            "percent",
            "used_usd",
            "bound_usd",
            "mailed_at",
            "called_at",
            "tries",
            "last_error",
        )


class SpendAlertAdmin(ReadOnly):
    """Each share of a budget that was reached, newest first."""

    resource_classes = (SpendAlertResource,)
    why_read_only = _(
        "An alert is noticed once for each share of a budget and told once: by mail to the team’s "
        "owners and admins and to the staff, and to the webhook where one is set."
    )
    when_empty = _("No budget has reached a percentage at which it warns.")
    list_display = (
        "noticed",
        "whose",
        "percent",
        "used",
        "bound",
        "mailed",
        "called",
        "tries",
        "last_error",
    )
    list_filter = ("percent", ("budget__team", admin.RelatedOnlyFieldListFilter), "created_at")
    list_select_related = ("budget__team", "budget__person")
    search_fields = ("budget__team__name", "budget__person__username")
    noticed = moment("created_at", _("noticed"))
    used = money("used_nano_usd", _("used"))
    bound = money("bound_nano_usd", _("of"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With what API keys are called."""
        rows: QuerySet[Any] = super().get_queryset(request)
        named: QuerySet[Any] = rows.annotate(key_called=key_called("budget__api_key_id"))
        return named

    @admin.display(description=_("whose"))
    def whose(self, alert: SpendAlert) -> str:
        """The owner of the budget."""
        return owner_of(alert.budget, getattr(alert, "key_called", None))

    @admin.display(description=_("mailed"), ordering="mailed_at")
    def mailed(self, alert: SpendAlert) -> str:
        """When, if at all."""
        return _moment(alert.mailed_at)

    @admin.display(description=_("webhook called"), ordering="called_at")
    def called(self, alert: SpendAlert) -> str:
        """When it answered, if at all."""
        return _moment(alert.called_at)


def _moment(when: datetime | None) -> str:
    return "–" if when is None else date_format(localtime(when), "SHORT_DATETIME_FORMAT")
