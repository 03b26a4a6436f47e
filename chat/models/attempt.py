"""What became of each try to have a turn answered, and what looked wrong about a relay."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from chat.models.turn import Turn


class AttemptOutcome(models.TextChoices):
    """How a try ended."""

    COMPLETED = "completed", _("Completed")
    INTERRUPTED = "interrupted", _("Interrupted")
    FAILED = "failed", _("Failed")


class Attempt(models.Model):
    """One try on one route, written with the end of its turn and never changed.

    The costs of a turn's attempts add up to the turn's cost. The counts are what was settled; the
    `counted_` ones are our own, beside the relay's report, where it made one.
    """

    turn = models.ForeignKey(
        Turn, verbose_name=_("turn"), on_delete=models.CASCADE, related_name="attempts"
    )
    number = models.PositiveSmallIntegerField(_("number"))
    relay = models.CharField(_("relay"), max_length=100)
    key_label = models.CharField(_("key"), max_length=100, blank=True)
    model = models.CharField(_("model"), max_length=200)
    transport = models.CharField(_("transport"), max_length=9, blank=True)
    resumed = models.BooleanField(_("went on with a broken answer"), default=False)
    outcome = models.CharField(_("outcome"), max_length=11, choices=AttemptOutcome.choices)
    status = models.PositiveSmallIntegerField(_("HTTP status"), null=True, blank=True)
    error_code = models.CharField(_("error"), max_length=40, blank=True)
    error_detail = models.TextField(_("relay's words"), blank=True)
    sent = models.BooleanField(_("reached the relay"))
    finish_reason = models.CharField(_("reason of the end"), max_length=40, blank=True)
    echoed_model = models.CharField(_("model as the relay names it"), max_length=200, blank=True)
    response_id = models.CharField(_("the relay's id of the answer"), max_length=100, blank=True)
    prompt_tokens = models.PositiveIntegerField(_("prompt tokens"), default=0)
    completion_tokens = models.PositiveIntegerField(_("answer tokens"), default=0)
    cached_tokens = models.PositiveIntegerField(_("cached tokens"), null=True, blank=True)
    # Parts of the answer's price, as the counts above: of the tokens out, and beside them.
    reasoning_tokens = models.PositiveIntegerField(_("reasoning tokens"), null=True, blank=True)
    images = models.PositiveIntegerField(_("images"), default=0)
    counted_prompt_tokens = models.PositiveIntegerField(
        _("prompt tokens by our count"), null=True, blank=True
    )
    counted_completion_tokens = models.PositiveIntegerField(
        _("answer tokens by our count"), null=True, blank=True
    )
    quality = models.CharField(_("evidence"), max_length=10, blank=True)
    cost_nano_usd = models.BigIntegerField(_("cost"), default=0)
    anomaly = models.CharField(_("anomaly"), max_length=200, blank=True)
    waited_ms = models.PositiveIntegerField(_("waited in line"), default=0)
    ttft_ms = models.PositiveIntegerField(_("time to first token"), null=True, blank=True)
    total_ms = models.PositiveIntegerField(_("total time"), null=True, blank=True)
    created_at = models.DateTimeField(_("stored"), auto_now_add=True)

    class Meta:
        """The indexes are those of the relays' statistics."""

        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["turn", "number"], name="attempt_number_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["-created_at"], name="attempt_by_time"),
            models.Index(fields=["relay", "-created_at"], name="attempt_by_relay"),
            models.Index(fields=["relay", "model", "-id"], name="attempt_by_route"),
        ]

    def __str__(self) -> str:
        return f"{self.relay} {self.model} {self.outcome}"


class AlertKind(models.TextChoices):
    """What looks wrong about a relay."""

    USAGE_DRIFT = "usage_drift", _("Reports other token counts than we count")
    MODEL_SWAPPED = "model_swapped", _("Answers with another model")
    KEY_REFUSED = "key_refused", _("Refuses the key")
    OVERRUN = "overrun", _("Bills more than was allowed")
    PRICE_MISSING = "price_missing", _("Has no price")


class RelayAlert(models.Model):
    """Something about a relay that an administrator should look at; one open row a matter."""

    kind = models.CharField(_("what"), max_length=20, choices=AlertKind.choices)
    relay = models.CharField(_("relay"), max_length=100)
    model = models.CharField(_("model"), max_length=200, blank=True)
    detail = models.TextField(_("evidence"), blank=True)
    times = models.PositiveIntegerField(_("times"), default=1)
    first_seen_at = models.DateTimeField(_("first seen"), auto_now_add=True)
    last_seen_at = models.DateTimeField(_("last seen"), auto_now=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("closed by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )

    class Meta:
        """Open ones are unique, so that two processes cannot raise the same one twice."""

        verbose_name = _("relay alert")
        verbose_name_plural = _("relay alerts")
        ordering: ClassVar = ["-last_seen_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "relay", "model"],
                condition=models.Q(closed_at__isnull=True),
                name="relay_alert_open_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.relay} {self.model} {self.kind}"
