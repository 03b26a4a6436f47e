"""Messages that wait until the answer before them is written."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from chat.models.conversation import Conversation


class WaitingMessage(models.Model):
    """A person's message in a conversation where an answer is being written; the oldest is next.

    It is sent in her name, with the rights and the budget of that moment.
    """

    id = models.BigAutoField(primary_key=True)
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="waiting_messages"
    )
    requester = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    # The client's idempotency key, and what it was used for: as of the turn it becomes.
    client_id = models.UUIDField()
    payload_sha256 = models.CharField(max_length=64)
    content = models.TextField(_("message"))
    # The intent as JSON (chat.services.intents.Intent).
    intent = models.BinaryField()
    # Why it is not sent (chat.protocol.Refusal as JSON): it stays for its person alone, who takes
    # it back. None: it waits.
    refused = models.BinaryField(null=True)
    # A limit of its person is reached until then; the others go past it. None: it may go.
    not_before = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        """The order of `id` is the order for everybody."""

        verbose_name = _("waiting message")
        verbose_name_plural = _("waiting messages")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["requester", "client_id"], name="waiting_client_id_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id} {self.client_id}"
