"""All attempts: every try on every relay, behind the figures of the relays' statistics."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing.admin.bases import money
from billing.formatting import shown_count
from chat.admin.administrators import SeenByAdministrators
from chat.admin.bases import Review, moment
from chat.admin.filters import DayFilter
from chat.admin.relay_statistics import RelayStatisticsPage
from chat.models import Attempt


class TransportFilter(admin.SimpleListFilter):
    """How the answer came. The choices are not asked of the table, which is long."""

    title = _("transport")
    parameter_name = "transport"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        """Both."""
        return [("websocket", "WebSocket"), ("sse", "SSE")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        """Attempts by the transport."""
        return queryset.filter(transport=self.value()) if self.value() else queryset


class AttemptAdmin(SeenByAdministrators, RelayStatisticsPage, Review):
    """Read-only, newest first, for administrators: the relay's own words may be in it."""

    why_read_only = _(
        "Attempts are read-only: each is stored with the end of its turn. The newest 10,000 that "
        "match are listed; narrow the filters to reach older ones."
    )
    list_display = (
        "stored",
        "relay",
        "model",
        "outcome",
        "error_code",
        "status",
        "transport",
        "tokens_in",
        "tokens_out",
        "cost",
        "first_token",
        "whole_time",
        "turn_link",
    )
    list_filter = ("outcome", TransportFilter, "resumed", DayFilter)
    ordering = ("-created_at", "-id")
    search_help_text = _("Relay, model or error, each in full")
    import_export_change_list_template = "admin/chat/attempt/change_list.html"
    fields = (
        "stored",
        "turn_link",
        "number",
        "relay",
        "key_label",
        "model",
        "echoed_model",
        "transport",
        "resumed",
        "outcome",
        "finish_reason",
        "status",
        "error_code",
        "error_detail",
        "anomaly",
        "sent",
        "tokens_in",
        "tokens_out",
        "cached_tokens",
        "quality",
        "cost",
        "waited_ms",
        "first_token",
        "whole_time",
    )

    stored = moment("created_at", _("stored"))
    cost = money("cost_nano_usd", _("cost"))

    def has_export_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """What costs money is exported from the turns."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        """Everything."""
        return self.fields

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[Any],
        search_term: str,
    ) -> tuple[QuerySet[Any], bool]:
        """Find what is called exactly so: parts of names would read the whole table."""
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(Q(relay=term) | Q(model=term) | Q(error_code=term)), False

    @admin.display(description=_("tokens in (by our count)"))
    def tokens_in(self, attempt: Attempt) -> str:
        """As settled, and as counted."""
        return _beside(attempt.prompt_tokens, attempt.counted_prompt_tokens)

    @admin.display(description=_("tokens out (by our count)"))
    def tokens_out(self, attempt: Attempt) -> str:
        """As settled, and as counted."""
        return _beside(attempt.completion_tokens, attempt.counted_completion_tokens)

    @admin.display(description=_("first token"))
    def first_token(self, attempt: Attempt) -> str:
        """Time to it."""
        return _milliseconds(attempt.ttft_ms)

    @admin.display(description=_("whole time"))
    def whole_time(self, attempt: Attempt) -> str:
        """Of the attempt."""
        return _milliseconds(attempt.total_ms)

    @admin.display(description=_("turn"))
    def turn_link(self, attempt: Attempt) -> SafeString:
        """The turn it belongs to."""
        address = f"{reverse('admin:chat_turn_changelist')}?{urlencode({'id': attempt.turn_id})}"
        return format_html('<a href="{}">{}</a>', address, str(attempt.turn_id)[:8])


def _beside(settled: int, counted: int | None) -> str:
    if counted is None or counted == settled:
        return shown_count(settled)
    return f"{shown_count(settled)} ({shown_count(counted)})"


def _milliseconds(milliseconds: int | None) -> str:
    return "–" if milliseconds is None else f"{shown_count(milliseconds)} ms"
