"""The attempts of a turn, under it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from billing.admin.bases import money
from billing.formatting import shown_count
from billing.models import Quality
from chat.models import Attempt, Turn


class AttemptsOfTurn(admin.TabularInline[Attempt, Turn]):
    """Which relays were asked, in their order, and what became of it."""

    model = Attempt
    extra = 0
    max_num = 0
    can_delete = False
    ordering = ("number",)
    fields = readonly_fields = (
        "number",
        "route",
        "way",
        "result",
        "error",
        "times",
        "tokens",
        "our_count",
        "cost",
    )

    cost = money("cost_nano_usd", _("cost"))

    @admin.display(description=_("relay"))
    def route(self, row: Attempt) -> str:
        """The relay, its key and the model there."""
        return " · ".join(filter(None, (row.relay, row.key_label, row.model)))

    @admin.display(description=_("transport"))
    def way(self, row: Attempt) -> str:
        """How the answer travelled, and with what status."""
        return " ".join(filter(None, (row.transport, str(row.status or "")))) or "–"

    @admin.display(description=_("end"))
    def result(self, row: Attempt) -> str:
        """How it ended, the relay's reason with it."""
        parts = [row.get_outcome_display(), row.finish_reason]
        if row.resumed:
            parts.append(str(_("went on with a broken answer")))
        if row.echoed_model and row.echoed_model != row.model:
            parts.append(f"→ {row.echoed_model}")
        return " · ".join(filter(None, (*parts, row.anomaly)))

    @admin.display(description=_("error"))
    def error(self, row: Attempt) -> str:
        """Our code and the relay's words."""
        return ": ".join(filter(None, (row.error_code, row.error_detail))) or "–"

    @admin.display(description=_("in line · first token · whole time (ms)"))
    def times(self, row: Attempt) -> str:
        """In milliseconds."""
        return " · ".join(
            "–" if each is None else shown_count(each)
            for each in (row.waited_ms, row.ttft_ms, row.total_ms)
        )

    @admin.display(description=_("tokens in · out"))
    def tokens(self, row: Attempt) -> str:
        """What was settled, and on what evidence."""
        if not row.quality:
            return "–"
        counts = f"{shown_count(row.prompt_tokens)} · {shown_count(row.completion_tokens)}"
        return f"{counts} ({Quality(row.quality).label})"

    @admin.display(description=_("by our count"))
    def our_count(self, row: Attempt) -> str:
        """Beside what the relay reported."""
        if row.counted_prompt_tokens is None or row.counted_completion_tokens is None:
            return "–"
        return (
            f"{shown_count(row.counted_prompt_tokens)} · "
            f"{shown_count(row.counted_completion_tokens)}"
        )

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """As for the turn."""
        return self.admin_site.get_model_admin(Turn).has_view_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """They are written with the turn's end."""
        return False

    has_change_permission = has_add_permission
    has_delete_permission = has_add_permission
