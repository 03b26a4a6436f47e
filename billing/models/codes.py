"""Redemption codes: credit that is given once to whoever knows the code."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.models.ledger import Transfer


class Code(models.Model):
    """A code worth some nano-USD. Only its digest is kept; it is redeemed at most once."""

    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(_("ends with"), max_length=4, editable=False)
    amount_nano_usd = models.BigIntegerField(_("amount"))
    note = models.CharField(_("note"), max_length=200, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("made by"),
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )
    redeemed_at = models.DateTimeField(_("redeemed"), null=True, blank=True, editable=False)
    redeemed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("redeemed by"),
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )
    transfer = models.OneToOneField(
        Transfer,
        verbose_name=_("transfer"),
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="code",
    )

    class Meta:
        """Newest first."""

        ordering = ("-id",)
        verbose_name = _("redemption code")
        verbose_name_plural = _("redemption codes")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(amount_nano_usd__gt=0), name="billing_code_amount"),
            models.CheckConstraint(
                condition=Q(redeemed_at=None, transfer=None)
                | Q(redeemed_at__isnull=False, transfer__isnull=False),
                name="billing_code_redeemed_has_transfer",
            ),
        ]

    def __str__(self) -> str:
        return f"…{self.hint}"
