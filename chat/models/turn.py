"""A turn: one run of a model that writes one assistant message."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Team
from chat.models.conversation import Conversation
from chat.models.message import Message


class TurnState(models.TextChoices):
    """Where a turn stands. All but `running` are terminal and never change again."""

    RUNNING = "running", _("Running")
    COMPLETED = "completed", _("Completed")
    INTERRUPTED = "interrupted", _("Interrupted")
    FAILED = "failed", _("Failed")
    BUDGET_STOPPED = "budget_stopped", _("Stopped by the budget")
    ORPHANED = "orphaned", _("Orphaned")


class Turn(models.Model):
    """The row whose state is decided once, by a compare-and-set on (state, epoch)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(
        Conversation,
        verbose_name=_("conversation"),
        on_delete=models.CASCADE,
        related_name="turns",
        db_index=False,
    )
    team = models.ForeignKey(
        Team, verbose_name=_("team"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    requester = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        on_delete=models.PROTECT,
        related_name="turns",
        db_index=False,
    )
    user_message = models.ForeignKey(
        Message,
        verbose_name=_("question"),
        null=True,
        on_delete=models.CASCADE,
        related_name="answering_turns",
    )
    assistant_message = models.OneToOneField(
        Message, verbose_name=_("answer"), on_delete=models.CASCADE, related_name="turn"
    )
    # The API key by which it was asked for; none: in a session.
    api_key = models.ForeignKey(
        "accounts.APIKey",
        verbose_name=_("API key"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    # The client's idempotency key, and what it was used for.
    client_id = models.UUIDField()
    payload_sha256 = models.CharField(max_length=64)

    state = models.CharField(
        _("state"), max_length=14, choices=TurnState.choices, default=TurnState.RUNNING
    )
    # Raised whenever another process takes the turn over; every write of the owner carries it.
    epoch = models.PositiveIntegerField(_("epoch"), default=1)
    node = models.CharField(_("process"), max_length=64, blank=True)
    model = models.CharField(_("model"), max_length=200)
    route = models.CharField(_("relay"), max_length=100, blank=True)
    temperature = models.FloatField(_("temperature"), null=True, blank=True)
    max_tokens = models.PositiveIntegerField(_("most tokens"))
    hold_nano_usd = models.BigIntegerField(_("hold"))

    prompt_tokens = models.PositiveIntegerField(_("prompt tokens"), default=0)
    completion_tokens = models.PositiveIntegerField(_("answer tokens"), default=0)
    cached_tokens = models.PositiveIntegerField(_("cached tokens"), null=True, blank=True)
    reasoning_tokens = models.PositiveIntegerField(_("reasoning tokens"), null=True, blank=True)
    cost_nano_usd = models.BigIntegerField(_("cost"), default=0)
    quality = models.CharField(_("evidence"), max_length=10, blank=True)
    finish_reason = models.CharField(_("reason of the end"), max_length=40, blank=True)
    error_code = models.CharField(_("error"), max_length=40, blank=True)
    # The relay's own words, for administrators.
    error_detail = models.TextField(_("relay's words"), blank=True)
    error_message = models.TextField(_("error message"), blank=True)
    anomaly = models.CharField(_("anomaly"), max_length=200, blank=True)
    sha256 = models.CharField(_("SHA-256 of the answer"), max_length=64, blank=True)
    ttft_ms = models.PositiveIntegerField(_("time to first token"), null=True, blank=True)
    total_ms = models.PositiveIntegerField(_("total time"), null=True, blank=True)
    interrupt_requested_at = models.DateTimeField(_("interrupt asked for"), null=True, blank=True)
    interrupted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("interrupted by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    created_at = models.DateTimeField(_("begun"), db_default=Now(), editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        """The indexes are those of the engine, then those of the review in the admin."""

        verbose_name = _("turn")
        verbose_name_plural = _("turns")
        constraints: ClassVar = [
            # One person's id names one turn, wherever it is sent from.
            models.UniqueConstraint(fields=["requester", "client_id"], name="turn_client_id_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["conversation", "state"], name="turn_running"),
            models.Index(fields=["state", "-created_at"], name="turn_by_state"),
            models.Index(fields=["-created_at", "-id"], name="turn_newest"),
            models.Index(fields=["team", "-created_at"], name="turn_by_team"),
            models.Index(fields=["requester", "-created_at"], name="turn_by_person"),
            models.Index(fields=["model", "-created_at"], name="turn_by_model"),
            models.Index(
                fields=["api_key", "-created_at"],
                condition=models.Q(api_key__isnull=False),
                name="turn_by_api_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.state} {self.id}"

    @property
    def subject(self) -> str:
        """The name under which billing knows this turn."""
        return f"turn:{self.id}"


class TurnRequest(models.Model):
    """What a program asked, as long as it is being answered: a dead process's turn is settled by
    it. `prompt` is the messages as JSON (chat.services.intents.PromptMessage)."""

    turn = models.OneToOneField(
        Turn, on_delete=models.CASCADE, primary_key=True, related_name="request"
    )
    prompt = models.BinaryField()

    def __str__(self) -> str:
        return str(self.turn_id)
