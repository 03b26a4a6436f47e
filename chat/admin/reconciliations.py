"""Reconciliations in the administration: what was found, and a page that tries out a bill."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.actors import actor_of
from accounts.services.audit import record
from billing.admin.bases import ReadOnly, moment, money
from billing.errors import BillIncomplete, BillingError, BillRefused, PeriodInvalid
from billing.formatting import exact_usd, shown_count
from billing.models import Cause, ReconciliationRun, RunState
from billing.reconciliation_bills import Bill
from billing.reconciliation_runs import Asked, Outcome
from chat.admin.administrators import SeenByAdministrators, administers
from chat.admin.bill_form import BillForm, last_month
from chat.services.reconciling import read_bill_of, reconcile_relay

TEMPLATE = "admin/billing/reconcile.html"
FINDINGS_SHOWN = 50


class ReconciliationRunAdmin(SeenByAdministrators, ReadOnly):
    """Every run, newest first; adding one is trying out a bill."""

    why_read_only = gettext_lazy(
        "Each row holds a relay's bill against our turns. Differences are corrected by transfers, "
        "never by edits."
    )
    when_empty = gettext_lazy("No bill was compared yet. Begin with the one of last month.")
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
    readonly_fields = fields = (
        "relay",
        "since",
        "until",
        "state",
        "ours",
        "theirs",
        "corrected",
        "findings_by_cause",
        "ours_requests",
        "theirs_requests",
        "matched",
        "ours_tokens",
        "theirs_tokens",
        "team",
        "started_by",
        "created_at",
        "bill",
        "digest",
    )
    created = moment("created_at", gettext_lazy("run"))
    ours = money("ours_nano_usd", gettext_lazy("cost, ours"))
    corrected = money("corrected_nano_usd", gettext_lazy("corrected"))

    @admin.display(description="SHA-256")
    def digest(self, run: ReconciliationRun) -> str:
        """Which file it was."""
        return run.bill_sha256 or "–"

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

    @admin.display(description=gettext_lazy("findings by cause"))
    def findings_by_cause(self, run: ReconciliationRun) -> SafeString | str:
        """How many of each, leading to them."""
        rows = reverse("admin:billing_reconciliationfinding_changelist")
        causes = [cause for cause in Cause if run.causes.get(cause)]
        return format_html_join(
            SafeString("<br>"),
            '<a href="{}?run__id__exact={}&amp;cause__exact={}">{}: {}</a>',
            (
                (rows, run.pk, cause, cause.label, shown_count(run.causes[cause]))
                for cause in causes
            ),
        ) or _("Nothing differs.")

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
        form = BillForm(request.POST or None, request.FILES or None, initial=last_month())
        outcome = None
        if request.method == "POST" and form.is_valid():
            outcome = self._tried(request, form)
            if outcome is not None and outcome.run.state != RunState.DRY:
                agreed = outcome.run.state == RunState.AGREED
                level = messages.SUCCESS if agreed else messages.WARNING
                messages.add_message(request, level, str(outcome.run.get_state_display()))
                return redirect("admin:billing_reconciliationrun_change", outcome.run.pk)
        if outcome is not None:
            seen = {"tried": outcome.run.pk, "until": outcome.run.until}
            form = BillForm(initial=form.cleaned_data | seen)
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
        # To the minute, as the form says it: what comes again is of the very same time.
        now = timezone.now().replace(second=0, microsecond=0)
        given = form.cleaned_data | {"until": min(form.cleaned_data["until"], now)}
        try:
            name = given["bill"].name or ""
            bill = read_bill_of(given["relay"], given["bill"].read(), name)
            asked = Asked(
                relay=given["relay"],
                since=given["since"],
                until=given["until"],
                bill=bill,
                dry_run=not _was_tried(request, given, bill),
                person_id=request.user.pk,
                complete=given["complete"],
            )
            outcome = reconcile_relay(asked)
        except BillRefused as refusal:
            for line in refusal.lines:
                form.add_error("bill", line)
            return None
        except BillIncomplete:
            lacks = _(
                "The bill lacks much of what we have from this time, so it is another one or was "
                "cut off. Nothing was corrected. If it is whole after all, say so here."
            )
            form.add_error("complete", lacks)
            return None
        except PeriodInvalid:
            form.add_error("until", _("The end comes after the beginning, and both have passed."))
            return None
        except BillingError as refusal:
            form.add_error(None, _(str(refusal)))
            return None
        if not asked.dry_run:
            record(actor_of(request), "bill_reconciled", outcome.run)
        return outcome


class ReconciliationFindingAdmin(SeenByAdministrators, ReadOnly):
    """Every difference, by its cause."""

    why_read_only = gettext_lazy("Findings are never changed: the next run makes its own.")
    when_empty = gettext_lazy("No reconciliation has found a difference yet.")
    list_display = (
        "when",
        "cause",
        "ours",
        "theirs",
        "settled",
        "model",
        "reference",
        "subject",
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
        until=given["until"],
        bill_sha256=bill.sha256,
        started_by_id=request.user.pk,
    )
    return dry.exists()
