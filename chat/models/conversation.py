"""A conversation: a tree of messages that belongs to a team."""

import uuid

from django.conf import settings
from django.db import models

from accounts.models import Team

TITLE_CHARACTERS = 200


class Conversation(models.Model):
    """Every member of the team may read it; what else they may do, the policy says."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="conversations")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="conversations"
    )
    title = models.CharField(max_length=TITLE_CHARACTERS, blank=True)
    model = models.CharField(max_length=200, blank=True)
    # Where the newest answer stands: the branch that opens by itself.
    leaf = models.ForeignKey(
        "chat.Message", null=True, on_delete=models.SET_NULL, related_name="+", blank=True
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField()
    pinned_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["team", "deleted_at", "-updated_at", "id"], name="conversation_list")
        ]

    def __str__(self) -> str:
        return self.title or str(self.id)
