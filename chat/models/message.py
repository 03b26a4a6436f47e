"""A message: one node of a conversation's tree."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from chat.models.conversation import Conversation


class Message(models.Model):
    """Written by a person or by one turn; it has one parent, or none at the root."""

    class Role(models.TextChoices):
        """Who speaks."""

        USER = "user", _("Person")
        ASSISTANT = "assistant", _("Model")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Counts up as messages are written: siblings and pages are ordered by it, not by clocks.
    number = models.BigIntegerField(_("number"))
    conversation = models.ForeignKey(
        Conversation,
        verbose_name=_("conversation"),
        on_delete=models.CASCADE,
        related_name="messages",
    )
    parent = models.ForeignKey(
        "self",
        verbose_name=_("parent"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="children",
        # The index below begins with it.
        db_index=False,
    )
    role = models.CharField(_("role"), max_length=9, choices=Role.choices)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("author"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    model = models.CharField(_("model"), max_length=200, blank=True)
    content = models.TextField(_("content"), blank=True)
    reasoning = models.TextField(_("reasoning"), blank=True)
    # What a model said beside text: calls of tools, refusals, log probabilities.
    extras = models.JSONField(_("calls of tools and the like"), null=True, blank=True)
    # The content folded for search (chat.search.fold): lower case, no accents.
    search_text = models.TextField(blank=True)
    created_at = models.DateTimeField(_("written"), db_default=Now(), editable=False)

    class Meta:
        """Siblings, and the roots of a conversation, are found by an index in their order."""

        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["conversation", "number"], name="message_number_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["parent", "number"], name="message_siblings"),
            models.Index(
                fields=["conversation", "number"],
                condition=models.Q(parent=None),
                name="message_roots",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.number}"
