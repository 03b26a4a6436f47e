"""What the admin pages of billing have in common."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.admin.widgets import AdminSplitDateTime
from django.db.models import DateTimeField, Model, Sum
from django.forms import SplitDateTimeField
from django.http import HttpRequest, HttpResponse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from import_export.admin import ExportMixin

from billing.admin.exports import SafeCSV
from billing.formatting import exact_usd


def money(field: str, description: Any) -> Callable[[Any, Any], SafeString]:
    """A column of exact amounts, set right by its style sheet."""

    @admin.display(description=description, ordering=field)
    def column(_admin: Any, row: Any) -> SafeString:
        return format_html('<span class="money">{}</span>', exact_usd(getattr(row, field)))

    return column


def moment(field: str, description: Any) -> Callable[[Any, Any], str]:
    """A column of short dates with times."""

    @admin.display(description=description, ordering=field)
    def column(_admin: Any, row: Any) -> str:
        return date_format(localtime(getattr(row, field)), "SHORT_DATETIME_FORMAT")

    return column


NAMES = {"relay_corrected_nano_usd": _("corrected by, at the relay")}
"""Fields that have no name for people of their own."""


def as_read(model: type[Model], name: Any) -> Any:
    """A row's field for a page that only shows it: amounts in USD, not in what is stored."""
    if not isinstance(name, str) or not name.endswith(("_nano_usd", "_nano_usd_per_million")):
        return name

    called = NAMES.get(name) or model._meta.get_field(name).verbose_name  # type: ignore[union-attr]

    @admin.display(description=called)
    def shown(row: Any) -> str:
        return exact_usd(getattr(row, name))

    return shown


class NamedMoment(AdminSplitDateTime):
    """A date and a time, each of which says what it is: a screen reader sees no words beside it."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        for widget, name in zip(self.widgets, (_("Date"), _("Time")), strict=True):
            widget.attrs["aria-label"] = name


class Exported(ExportMixin, admin.ModelAdmin[Any]):  # type: ignore[misc]
    """Rows with a button that exports what the filters show, as CSV."""

    import_export_change_list_template = "admin/billing/change_list.html"
    export_formats = (SafeCSV,)
    skip_export_form = True
    why_read_only: str | Promise = ""
    when_empty: str | Promise = ""
    total_field = ""
    list_per_page = 50
    formfield_overrides = {DateTimeField: {"form_class": SplitDateTimeField, "widget": NamedMoment}}

    class Media:
        """Sets money right."""

        css = {"all": ("billing/admin.css", "billing/rows.css")}
        js = ("billing/named_choices.js",)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """The form, without advice where nothing can be filled in."""
        if obj is not None and not self.has_change_permission(request, obj):
            kwargs.setdefault("help_texts", {})
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Those of the form; for who may only look, with amounts as people read them."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        return [
            (
                title,
                {**options, "fields": [as_read(self.model, name) for name in options["fields"]]},
            )
            for title, options in fieldsets
        ]

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Whoever may see the rows may export them."""
        return self.has_view_permission(request)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, with a reason where it is read-only, and the total of what is shown."""
        title = capfirst(str(self.opts.verbose_name_plural))
        told = {"why_read_only": self.why_read_only, "when_empty": self.when_empty}
        context = {**told, "title": title, **(extra_context or {})}
        response = super().changelist_view(request, context)
        shown = getattr(response, "context_data", None) or {}
        if self.total_field and "cl" in shown:
            total = shown["cl"].queryset.order_by().aggregate(total=Sum(self.total_field))["total"]
            shown["total_nano_usd"] = int(total or 0)
        return response


class ReadOnly(Exported):
    """Rows to look at: neither added, changed nor deleted here."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Nothing is added by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nothing is changed by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nothing is deleted by hand."""
        return False
