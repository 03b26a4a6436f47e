"""Pages of the prices: try a price on past traffic, import a price book."""

import hashlib
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.actors import actor_of
from accounts.services.audit import Named, record
from billing.admin.bases import Exported
from billing.admin.price_forms import BookForm, TrialForm, days_tried
from billing.errors import BillingError
from billing.models import PriceVersion
from billing.money import format_usd
from billing.price_book import Plan, import_book, write_book
from billing.prices import BOUGHT, figures_of


class PricePages(Exported):
    """The list's other doors: an export that can be imported again, an import, a trial."""

    import_export_change_list_template = "admin/billing/price_list.html"
    change_form_template = "admin/billing/price_form.html"

    def get_urls(self) -> list[URLPattern]:
        """The pages beside Django's own."""
        site = self.admin_site.admin_view
        return [
            path("trial/", site(self.trial_view), name="billing_priceversion_trial"),
            path("import/", site(self.import_view), name="billing_priceversion_import"),
            *super().get_urls(),
        ]

    def export_action(self, request: HttpRequest) -> HttpResponse:
        """The price book of what the filters show."""
        if not self.has_export_permission(request):
            raise PermissionDenied
        lines = write_book(self.get_export_queryset(request))
        response = HttpResponse("".join(lines), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="prices.csv"'
        return response

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Show what a file would add; add it when that is confirmed."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = BookForm(request.POST, request.FILES) if request.method == "POST" else BookForm()
        if form.is_valid() and "confirm" in request.POST:
            try:
                plan = _imported(request, form.book)
            except BillingError as error:
                form.add_error(None, error.told())
            else:
                number = len(plan.added)
                said = ngettext("%(number)d price added.", "%(number)d prices added.", number)
                messages.success(request, said % {"number": number})
                return HttpResponseRedirect(reverse("admin:billing_priceversion_changelist"))
        text = form.book.decode("utf-8-sig", "replace") if form.plan else ""
        context = {"form": form, "plan": form.plan, "text": text}
        return self._page(request, "admin/billing/price_import.html", _("Import prices"), context)

    def trial_view(self, request: HttpRequest) -> HttpResponse:
        """Show what past turns would have cost. The form of a new price leads here as well."""
        if not (self.has_view_permission(request) and _may_see_usage(request)):
            raise PermissionDenied
        form = TrialForm(initial=days_tried())
        if request.method == "POST":
            days = {name: day.isoformat() for name, day in days_tried().items()}
            form = TrialForm(days | request.POST.dict())
        save_href = ""
        if form.is_valid() and form.cleaned_data["input_nano_usd_per_million"] is not None:
            names = ("model", *BOUGHT)
            figures = {name: form.data[name] for name in names if form.data.get(name)}
            save_href = f"{reverse('admin:billing_priceversion_add')}?{urlencode(figures)}"
        context = {"form": form, "result": form.result, "save_href": save_href}
        title = _("Try a price on past traffic")
        return self._page(request, "admin/billing/price_trial.html", title, context)

    def _page(
        self, request: HttpRequest, template: str, title: str, context: dict[str, Any]
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "may_add": self.has_add_permission(request),
            **context,
        }
        return TemplateResponse(request, template, context)


def audited(price: PriceVersion) -> dict[str, str]:
    """What the audit log keeps of a new price."""
    figures = {
        name: format_usd(figure) for name, figure in figures_of(price).items() if figure is not None
    }
    return {"starts_at": price.starts_at.isoformat()} | figures


def _imported(request: HttpRequest, book: bytes) -> Plan:
    with transaction.atomic():
        plan = import_book(book, request.user.pk)
        digest, number = hashlib.sha256(book).hexdigest(), str(len(plan.added))
        book_of_prices = Named("price_book", digest[:40], "CSV")
        record(actor_of(request), "prices_imported", book_of_prices, added=number, sha256=digest)
    return plan


def _may_see_usage(request: HttpRequest) -> bool:
    return request.user.has_perm("billing.view_settlement")
