"""Holds: what was reserved for a turn, on which figures, and in which budgets. Immutable."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.budgets import Budget
from billing.models.ledger import Transfer
from billing.models.prices import PriceVersion


class Hold(models.Model):
    """The evidence behind a hold's amount; it pins the price of its turn."""

    transfer = models.OneToOneField(Transfer, on_delete=models.PROTECT, related_name="hold")
    subject = models.CharField(_("subject"), max_length=80, unique=True)
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
        PriceVersion, verbose_name=_("price"), on_delete=models.PROTECT, related_name="holds"
    )
    prompt_bytes = models.BigIntegerField(_("prompt, bytes"))
    max_tokens = models.BigIntegerField(_("answer, tokens at most"))
    max_images = models.PositiveIntegerField(_("images at most"), default=0)
    amount_nano_usd = models.BigIntegerField(_("held"))
    markup_basis_points = models.IntegerField(_("markup, hundredths of a percent"), default=0)
    conversation_id = models.UUIDField(_("conversation"), null=True, blank=True)
    api_key_id = models.BigIntegerField(_("API key"), null=True, blank=True)
    budgets = models.ManyToManyField(Budget, through="HoldBudget", related_name="holds")

    class Meta:
        """Newest first."""

        ordering = ("-id",)
        verbose_name = _("hold")
        verbose_name_plural = _("holds")

    def __str__(self) -> str:
        return self.subject


class HoldBudget(models.Model):
    """A budget that a hold was taken from, and to which its settlement goes."""

    hold = models.ForeignKey(Hold, on_delete=models.PROTECT, related_name="taken_from")
    budget = models.ForeignKey(Budget, on_delete=models.PROTECT, related_name="taken_by")

    class Meta:
        """Once each."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=("hold", "budget"), name="billing_hold_budget_once")
        ]

    def __str__(self) -> str:
        return f"{self.hold_id} {self.budget_id}"
