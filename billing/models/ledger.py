"""The ledger: immutable transfers between two accounts, after TigerBeetle's two-phase model.

A hold is a pending transfer from a team's wallet to its spending; a capture posts what the turn
cost, a release voids what is left. Rows are never changed (see `billing.guards`): a mistake is
corrected by another transfer. The four counters of an account are a cache of its transfers.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class AccountKind(models.TextChoices):
    """What an account stands for: where credit comes from, a team's credit, what it paid."""

    FUNDING = "funding", _("Funding")
    WALLET = "wallet", _("Wallet")
    SPENDING = "spending", _("Spending")


class Account(models.Model):
    """One side of transfers. Its counters are a cache; `verifyledger --rebuild` makes it anew."""

    kind = models.CharField(_("kind"), max_length=16, choices=AccountKind.choices)
    team = models.ForeignKey(
        "accounts.Team",
        verbose_name=_("team"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    debits_pending_nano_usd = models.BigIntegerField(_("debits pending"), default=0)
    debits_posted_nano_usd = models.BigIntegerField(_("debits posted"), default=0)
    credits_pending_nano_usd = models.BigIntegerField(_("credits pending"), default=0)
    credits_posted_nano_usd = models.BigIntegerField(_("credits posted"), default=0)
    entries = models.BigIntegerField(_("entries"), default=0, editable=False)

    class Meta:
        """A team has one account of a kind; the installation has one funding account."""

        ordering = ("id",)
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("kind", "team"), name="billing_account_once_a_team"),
            models.UniqueConstraint(
                fields=("kind",), condition=Q(team=None), name="billing_account_once"
            ),
            models.CheckConstraint(
                condition=Q(
                    debits_pending_nano_usd__gte=0,
                    debits_posted_nano_usd__gte=0,
                    credits_pending_nano_usd__gte=0,
                    credits_posted_nano_usd__gte=0,
                ),
                name="billing_account_counters_positive",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.team}" if self.team else self.kind


class TransferKind(models.TextChoices):
    """Why money moves."""

    GRANT = "grant", _("Grant")
    HOLD = "hold", _("Hold")
    CAPTURE = "capture", _("Capture")
    RELEASE = "release", _("Release")
    ADJUSTMENT = "adjustment", _("Adjustment")
    CORRECTION = "correction", _("Correction")


class Transfer(models.Model):
    """One immutable row of the ledger: an amount in nano-USD from `debit` to `credit`."""

    kind = models.CharField(_("kind"), max_length=16, choices=TransferKind.choices)
    team = models.ForeignKey(
        "accounts.Team", verbose_name=_("team"), on_delete=models.PROTECT, related_name="+"
    )
    debit = models.ForeignKey(
        Account, verbose_name=_("from"), on_delete=models.PROTECT, related_name="debited"
    )
    credit = models.ForeignKey(
        Account, verbose_name=_("to"), on_delete=models.PROTECT, related_name="credited"
    )
    amount_nano_usd = models.BigIntegerField(_("amount"))
    pending = models.ForeignKey(
        "self",
        verbose_name=_("hold it settles"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="settled_by",
    )
    subject = models.CharField(_("subject"), max_length=80, blank=True, db_index=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    overrun = models.BooleanField(_("cost more than was held"), default=False)
    note = models.CharField(_("note"), max_length=200, blank=True)
    idempotency_key = models.CharField(_("idempotency key"), max_length=120, unique=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    # Its place among the team's transfers and in each of its two accounts: from 1, without gaps.
    number = models.BigIntegerField(_("number"), editable=False)
    debit_entry = models.BigIntegerField(editable=False)
    credit_entry = models.BigIntegerField(editable=False)
    # Of this row and of the mac before it in the team; `key_id` names the key. See billing.chain.
    mac = models.CharField(max_length=64, editable=False)
    key_id = models.CharField(max_length=8, editable=False)

    class Meta:
        """Newest first. What makes a row well formed is checked by the database."""

        ordering = ("-id",)
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        indexes: ClassVar = [
            models.Index(fields=("team", "id"), name="billing_transfer_by_team"),
            # The few that are neither hold nor settlement, for statements.
            models.Index(
                fields=("team", "created_at"),
                condition=Q(kind__in=("grant", "adjustment", "correction")),
                name="billing_transfer_booked",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("team", "number"), name="billing_transfer_numbered"),
            models.CheckConstraint(
                condition=Q(amount_nano_usd__gte=0), name="billing_transfer_amount_positive"
            ),
            models.CheckConstraint(
                condition=~Q(debit=F("credit")), name="billing_transfer_two_accounts"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=("capture", "release"), pending__isnull=False)
                | (~Q(kind__in=("capture", "release")) & Q(pending__isnull=True)),
                name="billing_transfer_pending_settled",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=TransferKind.values), name="billing_transfer_known_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.kind}"
