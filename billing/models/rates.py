"""Exchange rates, for showing amounts in USD in another currency beside it. Never edited."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Currency(models.TextChoices):
    """In what a statement is shown beside USD."""

    CNY = "CNY", _("CNY, Chinese yuan")
    VND = "VND", _("VND, Vietnamese dong")


class ExchangeRate(models.Model):
    """What USD 1 is in `currency`, in millionths of its unit, from `starts_at` on."""

    currency = models.CharField(_("currency"), max_length=3, choices=Currency.choices)
    micro_units_per_usd = models.BigIntegerField(_("for USD 1"))
    starts_at = models.DateTimeField(_("starts"))
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("set by"),
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )

    class Meta:
        """Newest start first, the one written last before others of the same start."""

        ordering = ("currency", "-starts_at", "-id")
        verbose_name = _("exchange rate")
        verbose_name_plural = _("exchange rates")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(micro_units_per_usd__gt=0, micro_units_per_usd__lt=10**13),
                name="billing_exchangerate_bounds",
            )
        ]

    def __str__(self) -> str:
        return f"{self.currency}, {self.starts_at:%Y-%m-%d}"
