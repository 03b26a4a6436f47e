"""Tram's admin: Django's, which opens with the overview of usage and cost."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _


class TramAdminSite(AdminSite):
    """The index shows the overview to whoever may see usage; the rest is Django's."""

    site_title = _("Tram administration")
    site_header = _("Tram administration")
    index_title = _("Overview")
    index_template = "admin/billing/index.html"

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The overview above the list of what can be administered."""
        context = dict(extra_context or {})
        if request.user.has_perm("billing.view_settlement"):
            # Not at the top: the models cannot be imported while the site is being made.
            from billing.admin.overview import overview_context

            context |= overview_context(request)
        return super().index(request, context)
