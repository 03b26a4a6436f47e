"""A turn: one run of a model that writes one assistant message."""

import uuid

from django.conf import settings
from django.db import models

from accounts.models import Team
from chat.models.conversation import Conversation
from chat.models.message import Message


class TurnState(models.TextChoices):
    """Where a turn stands. All but `running` are terminal and never change again."""

    RUNNING = "running"
    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    BUDGET_STOPPED = "budget_stopped"
    ORPHANED = "orphaned"


class Turn(models.Model):
    """The row whose state is decided once, by a compare-and-set on (state, epoch)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="turns")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    requester = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="turns"
    )
    user_message = models.ForeignKey(
        Message, null=True, on_delete=models.CASCADE, related_name="answering_turns"
    )
    assistant_message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="turn")
    # The client's idempotency key, and what it was used for.
    client_id = models.UUIDField()
    payload_sha256 = models.CharField(max_length=64)

    state = models.CharField(
        max_length=14, choices=TurnState.choices, default=TurnState.RUNNING, db_index=True
    )
    # Raised whenever another process takes the turn over; every write of the owner carries it.
    epoch = models.PositiveIntegerField(default=1)
    node = models.CharField(max_length=64, blank=True)
    model = models.CharField(max_length=200)
    route = models.CharField(max_length=100, blank=True)
    temperature = models.FloatField(null=True, blank=True)
    max_tokens = models.PositiveIntegerField()
    hold_nano_usd = models.BigIntegerField()

    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    cached_tokens = models.PositiveIntegerField(null=True, blank=True)
    reasoning_tokens = models.PositiveIntegerField(null=True, blank=True)
    cost_nano_usd = models.BigIntegerField(default=0)
    quality = models.CharField(max_length=10, blank=True)
    finish_reason = models.CharField(max_length=40, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error_message = models.TextField(blank=True)
    anomaly = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    ttft_ms = models.PositiveIntegerField(null=True, blank=True)
    total_ms = models.PositiveIntegerField(null=True, blank=True)
    interrupt_requested_at = models.DateTimeField(null=True, blank=True)
    interrupted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # One person's id names one turn, wherever it is sent from.
            models.UniqueConstraint(fields=["requester", "client_id"], name="turn_client_id_once")
        ]
        indexes = [
            models.Index(fields=["conversation", "state"], name="turn_running"),
            models.Index(fields=["-created_at"], name="turn_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.state} {self.id}"

    @property
    def subject(self) -> str:
        """The name under which billing knows this turn."""
        return f"turn:{self.id}"
