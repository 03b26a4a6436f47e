"""Batches: many prompts that are answered a few at a time."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Team
from chat.models.turn import Turn


class BatchState(models.TextChoices):
    """Where a batch stands. A stopped one may go on."""

    RUNNING = "running", _("Running")
    STOPPED = "stopped", _("Stopped")
    FINISHED = "finished", _("Finished")


class LineState(models.TextChoices):
    """Where one line of a batch stands. `failed` and `answered` are final."""

    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    ANSWERED = "answered", _("Answered")
    FAILED = "failed", _("Failed")


class Batch(models.Model):
    """It is answered in its person's name, with the rights and the budgets of each moment.

    `node` is the process that works on it; while that one beats no other takes it up.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(
        Team, verbose_name=_("team"), on_delete=models.PROTECT, related_name="batches"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        on_delete=models.PROTECT,
        related_name="batches",
    )
    api_key = models.ForeignKey(
        "accounts.APIKey",
        verbose_name=_("API key"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    name = models.CharField(_("name"), max_length=200, blank=True)
    # The sender's idempotency key; empty: none.
    client_id = models.UUIDField(default=uuid.uuid4)
    payload_sha256 = models.CharField(max_length=64, blank=True)
    state = models.CharField(
        _("state"), max_length=8, choices=BatchState.choices, default=BatchState.RUNNING
    )
    # Why it stopped, where no person stopped it: a code and a sentence.
    stop_code = models.CharField(_("why it stopped"), max_length=40, blank=True)
    stop_message = models.TextField(blank=True)
    concurrency = models.PositiveSmallIntegerField(_("answers at a time"))
    lines_total = models.PositiveIntegerField(_("lines"))
    # The model of the lines that name none.
    model = models.CharField(_("model"), max_length=200, blank=True)
    # Sums over lines and turns that ended, kept so that nobody has to count them.
    lines_answered = models.PositiveIntegerField(_("answered lines"), default=0)
    lines_failed = models.PositiveIntegerField(_("failed lines"), default=0)
    prompt_tokens = models.PositiveBigIntegerField(_("prompt tokens"), default=0)
    completion_tokens = models.PositiveBigIntegerField(_("answer tokens"), default=0)
    cost_nano_usd = models.BigIntegerField(_("cost"), default=0)
    # Turns whose usage the relay did not report.
    estimated_turns = models.PositiveIntegerField(_("estimated turns"), default=0)
    # How long it was running before the last time it was started, and when that was.
    worked_ms = models.PositiveBigIntegerField(_("time worked, ms"), default=0)
    running_since = models.DateTimeField(null=True)
    # Hidden from everybody; what is left of it goes when its last answer has ended.
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True)
    node = models.CharField(_("process"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("begun"), db_default=Now(), editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        """A person's batch is made once by one id."""

        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "client_id"], name="batch_client_id_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["team", "-created_at"], name="batch_by_team"),
            models.Index(fields=["state", "node"], name="batch_by_state"),
        ]

    def __str__(self) -> str:
        return self.name or str(self.id)


class BatchLine(models.Model):
    """One prompt of a batch, and the turn that answers it.

    `body` is the request as JSON. A line whose turn was cut by the death of a process is tried
    again by another turn: each turn is paid for, a line is answered once.
    """

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="lines")
    number = models.PositiveIntegerField(_("line"))
    custom_id = models.CharField(_("the sender's name for it"), max_length=200, blank=True)
    body = models.TextField(_("request"))
    state = models.CharField(
        _("state"), max_length=8, choices=LineState.choices, default=LineState.WAITING
    )
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    # How many of them the relay failed.
    failures = models.PositiveSmallIntegerField(_("failed tries"), default=0)
    turn = models.ForeignKey(
        Turn, verbose_name=_("turn"), null=True, on_delete=models.SET_NULL, related_name="+"
    )
    # Of all its turns together, in nano-USD.
    cost_nano_usd = models.BigIntegerField(_("cost"), default=0)
    error_code = models.CharField(_("error"), max_length=40, blank=True)
    error_message = models.TextField(_("error message"), blank=True)
    # A limit of the person is reached until then, or the relay is left alone.
    not_before = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        """Lines are worked off in their order."""

        verbose_name = _("line of a batch")
        verbose_name_plural = _("lines of batches")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["batch", "number"], name="batch_line_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["batch", "state", "number"], name="batch_line_by_state")
        ]

    def __str__(self) -> str:
        return f"{self.batch_id} {self.number}"
