"""A message: one node of a conversation's tree."""

import uuid

from django.conf import settings
from django.db import models

from chat.models.conversation import Conversation


class Message(models.Model):
    """Written by a person or by one turn; it has one parent, or none at the root."""

    class Role(models.TextChoices):
        """Who speaks."""

        USER = "user"
        ASSISTANT = "assistant"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Counts up as messages are written: siblings and pages are ordered by it, not by clocks.
    number = models.BigIntegerField()
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="messages"
    )
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="children"
    )
    role = models.CharField(max_length=9, choices=Role.choices)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    model = models.CharField(max_length=200, blank=True)
    content = models.TextField(blank=True)
    reasoning = models.TextField(blank=True)
    # The content folded for search: lower case, no accents.
    search_text = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["conversation", "number"], name="message_number_once")
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.number}"
