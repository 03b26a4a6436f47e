"""A conversation: a tree of messages that belongs to a team."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Team
from chat.models.folded import FoldedField

TITLE_CHARACTERS = 200


class ConversationSource(models.TextChoices):
    """Who talks in it. What programs ask is in no list and opens on no page."""

    PAGE = "page", _("people")
    API = "api", _("a program")
    BATCH = "batch", _("a batch")


class Conversation(models.Model):
    """Every member of the team may read it; what else they may do, the policy says."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(
        Team, verbose_name=_("team"), on_delete=models.PROTECT, related_name="conversations"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("begun by"),
        on_delete=models.PROTECT,
        related_name="conversations",
    )
    title = models.CharField(_("title"), max_length=TITLE_CHARACTERS, blank=True)
    search_title = FoldedField(of="title")
    source = models.CharField(
        _("who asked"),
        max_length=5,
        choices=ConversationSource.choices,
        default=ConversationSource.PAGE,
        db_default=ConversationSource.PAGE,
        editable=False,
    )
    model = models.CharField(_("model"), max_length=200, blank=True)
    # Where the newest answer stands: the branch that opens by itself.
    leaf = models.ForeignKey(
        "chat.Message", null=True, on_delete=models.SET_NULL, related_name="+", blank=True
    )
    created_at = models.DateTimeField(_("begun"), db_default=Now(), editable=False)
    updated_at = models.DateTimeField(_("last changed"))
    pinned_at = models.DateTimeField(_("pinned"), null=True, blank=True)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True)
    # A program's answer is kept for a while only: since then its text is gone.
    forgotten_at = models.DateTimeField(_("text removed"), null=True, blank=True)

    class Meta:
        """The first index is the sidebar's order."""

        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        indexes: ClassVar = [
            models.Index(
                fields=["team", "source", "deleted_at", "-updated_at", "id"],
                name="conversation_list_by_source",
            ),
            models.Index(
                fields=["updated_at"],
                condition=models.Q(source="api", forgotten_at=None),
                name="conversation_to_forget",
            ),
        ]

    def __str__(self) -> str:
        return self.title or str(self.id)
