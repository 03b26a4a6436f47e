"""Reconciliations in the administration: what was found, and a page that tries out a bill."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.actors import actor_of
from accounts.services.audit import record
from billing.admin.bases import ReadOnly, moment, money
from billing.errors import BillingError, BillRefused
from billing.formatting import exact_usd, shown_count
from billing.models import ReconciliationRun, RunState
from billing.reconciliation_bills import Bill
from billing.reconciliation_runs import Asked, Outcome
from chat.admin.administrators import SeenByAdministrators, administers
from chat.models import Attempt
from chat.services.reconciling import read_bill_of, reconcile_relay

TEMPLATE = "admin/billing/reconcile.html"
MAX_UPLOAD_BYTES = 8 * 1024 * 1024
"""A request waits for it; a longer bill is for `manage.py reconcile`."""
FINDINGS_SHOWN = 50
MOMENT = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class BillForm(forms.Form):
    """A bill, whose it is and of when. `tried` is the dry run that it had; then it may correct."""

    relay = forms.ChoiceField(label=gettext_lazy("Relay"))
    since = forms.DateTimeField(label=gettext_lazy("From"), widget=MOMENT)
    until = forms.DateTimeField(label=gettext_lazy("To"), widget=MOMENT)
    bill = forms.FileField(
        label=gettext_lazy("Bill"),
        max_length=200,
        help_text=gettext_lazy("CSV or JSON lines, up to 8 MiB. First it is only compared."),
    )
    tried = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = Attempt.objects.order_by("relay").values_list("relay", flat=True).distinct()
        self.fields["relay"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]

    def clean_bill(self) -> "UploadedFile[Any]":
        """A file of no more than is read at once."""
        bill: UploadedFile[Any] = self.cleaned_data["bill"]
        if (bill.size or 0) > MAX_UPLOAD_BYTES:
            raise ValidationError(
                _("This file has more than 8 MiB. Use “manage.py reconcile” on the server.")
            )
        return bill


class ReconciliationRunAdmin(SeenByAdministrators, ReadOnly):
    """Every run, newest first; adding one is trying out a bill."""

    why_read_only = gettext_lazy(
        "Each row holds a relay's bill against our turns. Differences are corrected by transfers, "
        "never by edits."
    )
    list_display = (
        "created",
        "relay",
        "since",
        "until",
        "state",
        "ours",
        "theirs",
        "corrected",
        "matched",
        "found",
        "started_by",
    )
    list_filter = ("relay", "state", "created_at")
    list_select_related = ("started_by",)
    search_fields = ("relay", "bill")
    created = moment("created_at", gettext_lazy("run"))
    ours = money("ours_nano_usd", gettext_lazy("cost, ours"))
    corrected = money("corrected_nano_usd", gettext_lazy("corrected"))

    @admin.display(description=gettext_lazy("cost, the relay's"), ordering="theirs_nano_usd")
    def theirs(self, run: ReconciliationRun) -> str:
        """Nothing where the relay tells tokens only."""
        return "–" if run.theirs_nano_usd is None else exact_usd(run.theirs_nano_usd)

    @admin.display(description=gettext_lazy("findings"))
    def found(self, run: ReconciliationRun) -> str:
        """How many, of all causes."""
        if run.state == RunState.TOTALS:
            return "–"
        return shown_count(sum(int(count) for count in run.causes.values()))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Who administers the installation may try out a bill."""
        return administers(request)

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Take a bill and show what it would correct; then correct by the same bill."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = BillForm(request.POST or None, request.FILES or None)
        outcome = None
        if request.method == "POST" and form.is_valid():
            outcome = self._tried(request, form)
            if outcome is not None and outcome.run.state != RunState.DRY:
                messages.success(request, str(outcome.run.get_state_display()))
                return redirect("admin:billing_reconciliationrun_change", outcome.run.pk)
        if outcome is not None:
            form = BillForm(initial=form.cleaned_data | {"tried": outcome.run.pk})
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Reconcile a bill"),
            "form": form,
            "outcome": outcome,
            "findings": outcome.run.findings.order_by("id")[:FINDINGS_SHOWN] if outcome else (),
            **(extra_context or {}),
        }
        return TemplateResponse(request, TEMPLATE, context)

    def _tried(self, request: HttpRequest, form: BillForm) -> Outcome | None:
        given = form.cleaned_data
        try:
            name = given["bill"].name or ""
            bill = read_bill_of(given["relay"], given["bill"].read(), name)
            asked = Asked(
                relay=given["relay"],
                since=given["since"],
                until=min(given["until"], timezone.now()),
                bill=bill,
                dry_run=not _was_tried(request, given, bill),
                person_id=request.user.pk,
            )
            outcome = reconcile_relay(asked)
        except BillRefused as refusal:
            for line in refusal.lines:
                form.add_error("bill", line)
            return None
        except BillingError as refusal:
            form.add_error(None, str(refusal))
            return None
        if not asked.dry_run:
            record(actor_of(request), "bill_reconciled", outcome.run)
        return outcome


class ReconciliationFindingAdmin(SeenByAdministrators, ReadOnly):
    """Every difference, by its cause."""

    why_read_only = gettext_lazy("Findings are never changed: the next run makes its own.")
    list_display = (
        "when",
        "cause",
        "model",
        "subject",
        "reference",
        "ours",
        "theirs",
        "settled",
        "transfer",
        "note",
    )
    list_filter = ("cause", "settled", "run__relay", "run")
    list_select_related = ("run", "transfer")
    search_fields = ("subject", "reference", "model")
    when = moment("at", gettext_lazy("time"))
    ours = money("ours_nano_usd", gettext_lazy("cost, ours"))
    theirs = money("theirs_nano_usd", gettext_lazy("cost, the relay's"))


def _was_tried(request: HttpRequest, given: dict[str, Any], bill: Bill) -> bool:
    """Whether this person has seen a dry run of this very bill, over the same time."""
    if given.get("tried") is None:
        return False
    dry = ReconciliationRun.objects.filter(
        pk=given["tried"],
        state=RunState.DRY,
        relay=given["relay"],
        since=given["since"],
        bill_sha256=bill.sha256,
        started_by_id=request.user.pk,
    )
    return dry.exists()
