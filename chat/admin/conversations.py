"""Conversations and messages: that they exist, whose they are, how long; not what they say."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.db.models.functions import Length
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing.formatting import shown_count
from chat.admin.bases import Review, moment, people_called, uuid_in
from chat.admin.exports import ConversationResource
from chat.admin.filters import TeamFilter
from chat.models import Conversation, Message
from chat.search import search_words


class ConversationAdmin(Review):
    """Whose conversations there are; the team itself reads them in the chat."""

    resource_classes = (ConversationResource,)
    why_read_only = _(
        "Conversations belong to their team: here you see that they exist, not what they say. "
        "Members of the team read, rename and delete them in the chat."
    )
    list_display = ("title_or_id", "team", "owner", "model", "changed", "archived", "gone", "turns")
    list_filter = (
        TeamFilter,
        ("deleted_at", admin.EmptyFieldListFilter),
        ("archived_at", admin.EmptyFieldListFilter),
    )
    list_select_related = ("team", "owner")
    ordering = ("-updated_at", "id")
    search_help_text = _("Title, person, or an id")
    fields = (
        "id",
        "title",
        "team",
        "owner",
        "model",
        "begun",
        "changed",
        "archived",
        "gone",
        "turns",
        "messages",
    )
    readonly_fields = fields
    begun = moment("created_at", _("begun"))
    changed = moment("updated_at", _("last changed"))
    archived = moment("archived_at", _("archived"))
    gone = moment("deleted_at", _("deleted"))

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[Any],
        search_term: str,
    ) -> tuple[QuerySet[Any], bool]:
        """Find by id, by title or by who began it."""
        id_ = uuid_in(search_term)
        words = search_words(search_term)
        if id_ is not None:
            return queryset.filter(pk=id_), False
        if not words:
            return queryset, False
        titled = Q()
        for word in words:
            titled &= Q(search_title__contains=word)
        return queryset.filter(titled | Q(owner_id__in=people_called(search_term.strip()))), False

    @admin.display(description=_("title"), ordering="title")
    def title_or_id(self, conversation: Conversation) -> str:
        """The title, or the id where there is none."""
        return str(conversation)

    @admin.display(description=_("turns"))
    def turns(self, conversation: Conversation) -> SafeString:
        """Its turns, with what they cost."""
        return _rows_of(conversation, "turn", _("Turns"))

    @admin.display(description=_("messages"))
    def messages(self, conversation: Conversation) -> SafeString:
        """Its messages, without their text."""
        return _rows_of(conversation, "message", _("Messages"))


class MessageAdmin(Review):
    """The tree of a conversation, without the text."""

    why_read_only = _(
        "The text of messages is private to their team and is not shown here. To read it, be a "
        "member of the team; becoming one is written to the audit log."
    )
    list_display = ("number", "conversation_id", "role", "author", "model", "written", "length")
    list_filter = ("role",)
    list_select_related = ("author",)
    # The order of an index, and of the tree.
    ordering = ("conversation_id", "number")
    search_help_text = _("An id of a message or of a conversation, or a person")
    fields = ("id", "conversation", "number", "parent", "role", "author", "model", "written")
    readonly_fields = fields
    written = moment("created_at", _("written"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        """Count the characters in the database; the text itself is not even read."""
        rows: QuerySet[Message] = super().get_queryset(request)
        return rows.defer("content", "reasoning", "search_text").annotate(
            characters=Length("content")
        )

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[Any],
        search_term: str,
    ) -> tuple[QuerySet[Any], bool]:
        """Find by id or by author; the text is not searched."""
        term = search_term.strip()
        id_ = uuid_in(term)
        if id_ is not None:
            return queryset.filter(Q(pk=id_) | Q(conversation_id=id_)), False
        return (queryset.filter(author_id__in=people_called(term)) if term else queryset), False

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Refuse filters on the text in the address: they would tell what it says."""
        private = lookup.split("__", 1)[0] in ("content", "reasoning", "search_text")
        return not private and super().lookup_allowed(lookup, value, request)

    def has_export_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """There is nothing here worth a file."""
        return False

    @admin.display(description=_("characters"))
    def length(self, message: Any) -> str:
        """Of the text, without the reasoning."""
        return shown_count(message.characters)


def _rows_of(conversation: Conversation, name: str, text: Any) -> SafeString:
    query = urlencode({"conversation__id__exact": str(conversation.pk)})
    address = f"{reverse(f'admin:chat_{name}_changelist')}?{query}"
    return format_html('<a href="{}">{}</a>', address, text)
