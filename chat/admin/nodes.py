"""The processes of the site: who is alive, and what each runs."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from billing.admin.bases import ReadOnly
from chat.admin.administrators import SeenByAdministrators
from chat.admin.bases import moment
from chat.models import Node
from chat.services.leases import living


class NodeAdmin(SeenByAdministrators, ReadOnly):
    """Read-only, for administrators: names tell machines."""

    why_read_only = _(
        "Processes list themselves and beat every few seconds. One that died is listed for a day; "
        "the others have settled its turns."
    )
    list_display = ("name", "role", "alive", "draining", "running_turns", "started", "beat")
    fields = list_display
    list_filter = ("role", "draining")
    ordering = ("-beat_at", "name")
    search_fields = ("name",)

    started = moment("started_at", _("started"))
    beat = moment("beat_at", _("last beat"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Each with whether it is alive, by the database's clock."""
        alive = living(settings.NODES.lease_seconds).filter(pk=OuterRef("pk"))
        rows: QuerySet[Any] = super().get_queryset(request).annotate(is_alive=Exists(alive))
        return rows

    @admin.display(description=_("alive"), boolean=True)
    def alive(self, node: Node) -> bool:
        """Whether its lease holds."""
        return bool(getattr(node, "is_alive", False))

    def has_export_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Nothing in it outlives a day."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        """Everything."""
        return self.fields
