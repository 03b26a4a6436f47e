"""Turns: who asked which model, how it ended, what it cost and how fast it was."""

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
from billing.models import Quality
from billing.prices import price_list
from chat.admin.bases import Review, moment, people_called, uuid_in
from chat.admin.exports import TurnResource
from chat.admin.filters import DayFilter, ModelFilter, QualityFilter, SourceFilter, TeamFilter
from chat.admin.turn_attempts import AttemptsOfTurn
from chat.models import Conversation, Turn
from chat.search import search_words


class TurnAdmin(Review):
    """Searchable and filterable, newest first; quick on a million rows."""

    resource_classes = (TurnResource,)
    why_read_only = _(
        "Turns are read-only: each has been settled in the ledger as it stands here. The newest "
        "10,000 that match are listed; narrow the filters to reach older ones."
    )
    list_display = (
        "begun",
        "state",
        "requester",
        "cost",
        "evidence",
        "model",
        "conversation_link",
        "team",
        "tokens_in",
        "tokens_out",
        "first_token",
        "whole_time",
        "error_code",
    )
    list_filter = ("state", QualityFilter, DayFilter, SourceFilter, ModelFilter, TeamFilter)
    list_select_related = ("requester", "team", "conversation")
    ordering = ("-created_at", "-id")
    search_help_text = _("Person, model, title of the conversation, or an id")
    inlines = (AttemptsOfTurn,)
    fieldsets = (
        (None, {"fields": ("id", "state", "begun", "ended", "requester", "team")}),
        (
            _("What for"),
            {"fields": ("conversation_link", "asked_by", "model", "route", "temperature")},
        ),
        (
            _("Cost"),
            {"fields": ("cost", "evidence", "hold", "tokens", "settlement_link", "transfers_link")},
        ),
        (_("Speed"), {"fields": ("first_token", "whole_time")}),
        (
            _("End"),
            {
                "fields": (
                    "finish_reason",
                    "error_code",
                    "error_message",
                    "error_detail",
                    "anomaly",
                    "interrupted_by",
                    "interrupt_requested_at",
                    "sha256",
                    "node",
                    "epoch",
                )
            },
        ),
    )

    begun = moment("created_at", _("begun"))
    ended = moment("ended_at", _("ended"))
    cost = money("cost_nano_usd", _("cost"))
    hold = money("hold_nano_usd", _("hold"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        """Everything."""
        return [name for _title, options in self.fieldsets for name in options["fields"]]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Turn]:
        """Leave out long columns that a list does not show."""
        return super().get_queryset(request).defer("conversation__search_title")

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[Any],
        search_term: str,
    ) -> tuple[QuerySet[Any], bool]:
        """Find by id, or by person, model or title through the short tables that hold them."""
        term = search_term.strip()
        if not term:
            return queryset, False
        id_ = uuid_in(term)
        if id_ is not None:
            by_id = Q(pk=id_) | Q(conversation_id=id_) | Q(assistant_message_id=id_)
            return queryset.filter(by_id), False
        models = [model for model in price_list() if term.casefold() in model.casefold()]
        titled = Conversation.objects.all()
        for word in search_words(term):
            titled = titled.filter(search_title__contains=word)
        found = Q(requester_id__in=people_called(term)) | Q(model__in=models)
        return queryset.filter(found | Q(conversation_id__in=titled.values("pk"))), False

    @admin.display(description=_("conversation"))
    def conversation_link(self, turn: Turn) -> SafeString:
        """All turns of the conversation."""
        query = urlencode({"conversation__id__exact": str(turn.conversation_id)})
        return _link(f"{reverse('admin:chat_turn_changelist')}?{query}", str(turn.conversation))

    @admin.display(description=_("who asked"))
    def asked_by(self, turn: Turn) -> str:
        """People, a program or a batch, and by which API key."""
        source = turn.conversation.get_source_display()
        return f"{source}: {turn.api_key}" if turn.api_key else source

    @admin.display(description=_("evidence"), ordering="quality")
    def evidence(self, turn: Turn) -> str:
        """How sure the cost is."""
        return str(Quality(turn.quality).label) if turn.quality else "–"

    @admin.display(description=_("tokens in"))
    def tokens_in(self, turn: Turn) -> str:
        """Set apart by thousands."""
        return shown_count(turn.prompt_tokens)

    @admin.display(description=_("tokens out"))
    def tokens_out(self, turn: Turn) -> str:
        """Set apart by thousands."""
        return shown_count(turn.completion_tokens)

    @admin.display(description=_("tokens"))
    def tokens(self, turn: Turn) -> str:
        """In and out, with those among them that were cached or reasoning."""
        return str(
            _("%(prompt)s in (%(cached)s cached), %(answer)s out (%(reasoning)s reasoning)")
            % {
                "prompt": shown_count(turn.prompt_tokens),
                "cached": shown_count(turn.cached_tokens),
                "answer": shown_count(turn.completion_tokens),
                "reasoning": shown_count(turn.reasoning_tokens),
            }
        )

    @admin.display(description=_("first token"))
    def first_token(self, turn: Turn) -> str:
        """Time to it."""
        return _milliseconds(turn.ttft_ms)

    @admin.display(description=_("whole time"))
    def whole_time(self, turn: Turn) -> str:
        """From the request to the end."""
        return _milliseconds(turn.total_ms)

    @admin.display(description=_("settlement"))
    def settlement_link(self, turn: Turn) -> SafeString:
        """The settlement of this turn."""
        return _billing_link("settlement", turn, _("Usage as it was settled"))

    @admin.display(description=_("transfers"))
    def transfers_link(self, turn: Turn) -> SafeString:
        """The hold, the capture and the release of this turn."""
        return _billing_link("transfer", turn, _("Hold, capture and release in the ledger"))


def _billing_link(name: str, turn: Turn, text: Any) -> SafeString:
    query = urlencode({"subject": turn.subject})
    return _link(f"{reverse(f'admin:billing_{name}_changelist')}?{query}", text)


def _link(address: str, text: Any) -> SafeString:
    return format_html('<a href="{}">{}</a>', address, text)


def _milliseconds(milliseconds: int | None) -> str:
    return "–" if milliseconds is None else f"{shown_count(milliseconds)} ms"
