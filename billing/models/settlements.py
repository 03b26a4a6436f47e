"""Settlements: what each turn used and cost, and on what evidence."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.models.holds import Hold
from billing.models.prices import PriceVersion


class Quality(models.TextChoices):
    """On what evidence a cost stands."""

    REPORTED = "reported", _("Reported")
    ESTIMATED = "estimated", _("Estimated")
    RECONCILED = "reconciled", _("Reconciled")


class Settlement(models.Model):
    """The one settlement of a subject: tokens, cost and official cost in nano-USD."""

    subject = models.CharField(_("subject"), max_length=80, unique=True)
    hold = models.OneToOneField(Hold, on_delete=models.PROTECT, related_name="settlement")
    team = models.ForeignKey(
        "accounts.Team", verbose_name=_("team"), on_delete=models.PROTECT, related_name="+"
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        on_delete=models.PROTECT,
        related_name="+",
    )
    model = models.CharField(_("model"), max_length=200)
    price_version = models.ForeignKey(
        PriceVersion, verbose_name=_("price"), on_delete=models.PROTECT, related_name="+"
    )
    prompt_tokens = models.BigIntegerField(_("tokens in"))
    completion_tokens = models.BigIntegerField(_("tokens out"))
    cached_tokens = models.BigIntegerField(_("tokens cached"), null=True, blank=True)
    reasoning_tokens = models.BigIntegerField(_("tokens of reasoning"), null=True, blank=True)
    images = models.PositiveIntegerField(_("images"), default=0)
    cost_nano_usd = models.BigIntegerField(_("cost"))
    # What the relay asks for it; the team's cost has the markup on top.
    relay_cost_nano_usd = models.BigIntegerField(_("cost at the relay"), default=0)
    official_cost_nano_usd = models.BigIntegerField(_("official cost"), null=True, blank=True)
    quality = models.CharField(_("quality"), max_length=16, choices=Quality.choices)
    # Of a reconciled one: what its quality was, and by how much the corrections changed what the
    # team paid and what the relay asks. The columns above stay as they were settled.
    quality_before = models.CharField(
        _("quality before"), max_length=16, choices=Quality.choices, blank=True
    )
    corrected_nano_usd = models.BigIntegerField(_("corrected by"), default=0)
    relay_corrected_nano_usd = models.BigIntegerField(default=0)
    outcome = models.CharField(_("outcome"), max_length=80)
    # The relay that the answer came from, as the caller names it; empty where nobody said.
    route = models.CharField(_("relay"), max_length=100, default="", blank=True)
    conversation_id = models.UUIDField(_("conversation"), null=True, blank=True)
    overrun = models.BooleanField(_("cost more than was held"), default=False)
    day = models.DateField(_("day (UTC)"))
    created_at = models.DateTimeField(_("settled"), db_default=Now(), editable=False)

    class Meta:
        """Newest first; indexed as the overview groups, and for the lengths of answers."""

        ordering = ("-id",)
        verbose_name = _("usage of a turn")
        verbose_name_plural = _("usage")
        indexes: ClassVar = [
            models.Index(fields=("day", "team", "model"), name="billing_usage_by_day"),
            models.Index(fields=("team", "day"), name="billing_usage_by_team"),
            models.Index(fields=("person", "day"), name="billing_usage_by_person"),
            models.Index(fields=("model", "day"), name="billing_usage_by_model"),
            models.Index(fields=("team", "model", "-id"), name="billing_usage_of_model"),
            models.Index(fields=("created_at",), name="billing_usage_by_moment"),
        ]

    def __str__(self) -> str:
        return self.subject
