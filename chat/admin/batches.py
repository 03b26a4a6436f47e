"""Batches in the admin: to look at, and to stop."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from billing.admin.bases import money
from billing.formatting import shown_count
from chat.admin.administrators import administers
from chat.admin.bases import Review, moment, people_called, uuid_in
from chat.admin.exports import BatchResource
from chat.admin.filters import DayFilter, TeamFilter
from chat.models import Batch, BatchLine, BatchState
from chat.services.batch_changes import halt, interrupt_lines, lock_batch

SHOWN_LINES = 50


class FirstLines(BaseInlineFormSet[BatchLine, Batch, Any]):
    """The lines that went wrong, then the first others: a batch may have ten thousand."""

    def get_queryset(self) -> QuerySet[BatchLine]:
        """At most `SHOWN_LINES`, without what they say."""
        rows = super().get_queryset().defer("body").select_related("turn")
        first = rows.order_by("-error_code", "number").values_list("pk", flat=True)[:SHOWN_LINES]
        return rows.filter(pk__in=list(first)).order_by("number")


class LinesOfBatch(admin.TabularInline[BatchLine, Batch]):
    """What became of the lines; not what they say."""

    model = BatchLine
    formset = FirstLines
    extra = 0
    max_num = 0
    can_delete = False
    verbose_name_plural = _("lines: those with errors, and the first others")
    fields = readonly_fields = (
        "number",
        "custom_id",
        "state",
        "tries",
        "cost",
        "turn_link",
        "error",
    )

    cost = money("cost_nano_usd", _("cost"))

    @admin.display(description=_("turn"))
    def turn_link(self, line: BatchLine) -> SafeString | str:
        """The turn that answers it."""
        if line.turn is None:
            return "–"
        address = reverse("admin:chat_turn_change", args=[line.turn.pk])
        return format_html('<a href="{}">{}</a>', address, line.turn.get_state_display())

    @admin.display(description=_("error"))
    def error(self, line: BatchLine) -> str:
        """Its code and its sentence."""
        return ": ".join(filter(None, (line.error_code, line.error_message))) or "–"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """As for the batch."""
        return self.admin_site.get_model_admin(Batch).has_view_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """They come with the batch."""
        return False

    has_change_permission = has_add_permission
    has_delete_permission = has_add_permission


class BatchAdmin(Review):
    """Newest first, with how far each is and what it cost."""

    resource_classes = (BatchResource,)
    why_read_only = _(
        "Batches are made and changed on their own page. An administrator may stop them here."
    )
    list_display = (
        "begun",
        "called",
        "state",
        "owner",
        "progress",
        "failed",
        "cost",
        "team",
        "tokens_in",
        "tokens_out",
        "concurrency",
        "turns_link",
    )
    list_filter = ("state", DayFilter, TeamFilter)
    list_select_related = ("owner", "team")
    ordering = ("-created_at", "id")
    search_help_text = _("Person, name of the batch, or an id")
    inlines = (LinesOfBatch,)
    actions = ("stop",)
    fieldsets = (
        (None, {"fields": ("id", "called", "state", "begun", "ended", "owner", "team", "api_key")}),
        (_("How far"), {"fields": ("progress", "failed", "why_stopped", "concurrency", "node")}),
        (_("Cost"), {"fields": ("cost", "tokens_in", "tokens_out", "turns_link")}),
    )

    class Media:
        """Leaves out the titles of lines."""

        css = {"all": ("chat/admin/batches.css",)}

    begun = moment("created_at", _("begun"))
    ended = moment("ended_at", _("ended"))
    cost = money("cost_nano_usd", _("cost"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        """Everything."""
        return [name for _title, options in self.fieldsets for name in options["fields"]]

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[Any],
        search_term: str,
    ) -> tuple[QuerySet[Any], bool]:
        """Find by id, person or name."""
        term = search_term.strip()
        if not term:
            return queryset, False
        id_ = uuid_in(term)
        if id_ is not None:
            return queryset.filter(pk=id_), False
        return queryset.filter(Q(owner_id__in=people_called(term)) | Q(name__icontains=term)), False

    @admin.action(description=_("Stop the chosen batches"), permissions=["stop"])
    def stop(self, request: HttpRequest, chosen: QuerySet[Batch]) -> None:
        """Begin no line any more, and interrupt those under way; who made them may go on."""
        stopped = sum(_stopped(batch, request.user.pk) for batch in chosen)
        told = ngettext("%(count)d batch stopped.", "%(count)d batches stopped.", stopped)
        self.message_user(request, told % {"count": stopped}, messages.SUCCESS)

    def has_stop_permission(self, request: HttpRequest) -> bool:
        """Whether the person administers the installation."""
        return administers(request)

    @admin.display(description=_("name"), ordering="name")
    def called(self, batch: Batch) -> str:
        """Its name, or its id."""
        return str(batch)

    @admin.display(description=_("lines answered"))
    def progress(self, batch: Batch) -> str:
        """Of how many."""
        return f"{shown_count(batch.lines_answered)} / {shown_count(batch.lines_total)}"

    @admin.display(description=_("lines failed"), ordering="lines_failed")
    def failed(self, batch: Batch) -> str:
        """How many."""
        return shown_count(batch.lines_failed)

    @admin.display(description=_("why it stopped"))
    def why_stopped(self, batch: Batch) -> str:
        """A code and a sentence where it stopped by itself."""
        return ": ".join(filter(None, (batch.stop_code, batch.stop_message))) or "–"

    @admin.display(description=_("tokens in"))
    def tokens_in(self, batch: Batch) -> str:
        """Set apart by thousands."""
        return shown_count(batch.prompt_tokens)

    @admin.display(description=_("tokens out"))
    def tokens_out(self, batch: Batch) -> str:
        """Set apart by thousands."""
        return shown_count(batch.completion_tokens)

    @admin.display(description=_("turns"))
    def turns_link(self, batch: Batch) -> SafeString:
        """What its person asked that day, among it the turns of the batch."""
        day = batch.created_at.date().isoformat()
        who = {"requester__id__exact": batch.owner_id, "day": day, "source": "batch"}
        address = f"{reverse('admin:chat_turn_changelist')}?{urlencode(who)}"
        return format_html('<a href="{}">{}</a>', address, _("Turns"))


@transaction.atomic
def _stopped(batch: Batch, by_id: Any) -> bool:
    lock_batch(batch.pk)
    runs = Batch.objects.filter(pk=batch.pk, state=BatchState.RUNNING).exists()
    if runs:
        halt(batch, "", "")
        interrupt_lines(batch, by_id)
    return runs
