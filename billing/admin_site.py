"""Tram's admin: Django's, which opens with the overview of usage and cost."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from django.contrib.admin import AdminSite
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

log = structlog.get_logger(__name__)

ODD_VALUE = (IncorrectLookupParameters, ValidationError, DataError, OverflowError, ValueError)
"""What Django and the databases raise for a value in the address that no column can have, such as
the year 0, NUL, or a team's id that is none."""


class TramAdminSite(AdminSite):
    """The index shows the overview to whoever may see usage; the rest is Django's."""

    site_title = _("Tram administration")
    site_header = _("Tram administration")
    index_title = _("Overview")
    index_template = "admin/billing/index.html"

    def admin_view(  # type: ignore[override]
        self, view: Callable[..., Any], cacheable: bool = False
    ) -> Callable[..., Any]:
        """Answer a query string that makes no sense as one that finds nothing there."""

        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                response: HttpResponse = view(request, *args, **kwargs)
            except ODD_VALUE as error:
                if request.method != "GET" or not request.GET:
                    raise
                log.warning("admin_query_refused", path=request.path, exc_info=error)
                raise Http404 from error
            return response

        return super().admin_view(answer, cacheable)

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
