"""Reconciliations: what was held against the relay's bill, and what was found. Findings never
change."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from billing.models.ledger import Transfer


class RunState(models.TextChoices):
    """How a reconciliation ended."""

    DRY = "dry", _("Dry run, nothing written to the ledger")
    AGREED = "agreed", _("Everything confirmed or corrected")
    OPEN = "open", _("Something is left to look at")
    TOTALS = "totals", _("Totals compared, nothing corrected")


class Cause(models.TextChoices):
    """Why the relay's bill and our books differ."""

    LOST_ROW = "lost_row", _("The relay billed a request that we know nothing of")
    UNBILLED = "unbilled", _("We charged for what the relay did not bill")
    DOUBLE_ATTEMPT = "double_attempt", _("The relay billed two tries of one turn, we one")
    PRICE_DRIFT = "price_drift", _("The same tokens at another price")
    TOKEN_DRIFT = "token_drift", _("Other counts of tokens")
    CACHE_DRIFT = "cache_drift", _("Another count of cached tokens")
    ROUNDING = "rounding", _("Within the rounding of the bill")


class ReconciliationRun(models.Model):
    """One comparison of a relay's bill, or of its totals, with ours. Amounts are what the relay
    asks, in nano-USD, without markups; `corrected` is what the teams' costs rose by."""

    relay = models.CharField(_("relay"), max_length=100)
    since = models.DateTimeField(pgettext_lazy("time", "from"))
    until = models.DateTimeField(pgettext_lazy("time", "to"))
    state = models.CharField(_("state"), max_length=8, choices=RunState.choices)
    team = models.ForeignKey(
        "accounts.Team",
        verbose_name=_("team"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("started by"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    created_at = models.DateTimeField(_("run"), db_default=Now(), editable=False)
    bill = models.CharField(_("bill"), max_length=200, blank=True)
    bill_sha256 = models.CharField(max_length=64, blank=True)
    ours_requests = models.BigIntegerField(_("requests, ours"), default=0)
    theirs_requests = models.BigIntegerField(_("requests, the relay's"), default=0)
    ours_tokens = models.BigIntegerField(_("tokens, ours"), default=0)
    theirs_tokens = models.BigIntegerField(_("tokens, the relay's"), default=0)
    ours_nano_usd = models.BigIntegerField(_("cost, ours"), default=0)
    # None where the relay tells tokens only.
    theirs_nano_usd = models.BigIntegerField(_("cost, the relay's"), null=True, blank=True)
    matched = models.BigIntegerField(_("matched"), default=0)
    corrected_nano_usd = models.BigIntegerField(_("corrected"), default=0)
    causes = models.JSONField(_("findings by cause"), default=dict)

    class Meta:
        """Newest first."""

        ordering = ("-id",)
        verbose_name = _("reconciliation")
        verbose_name_plural = _("reconciliations")

    def __str__(self) -> str:
        return f"{self.relay} {self.since:%Y-%m-%d} – {self.until:%Y-%m-%d}"


class ReconciliationFinding(models.Model):
    """One difference with its cause, and the transfer that corrected it, if one did.

    `subject` and `attempt` name what is ours, `reference` the relay's row. A run's later sibling
    takes what a corrected finding says for ours.
    """

    run = models.ForeignKey(
        ReconciliationRun,
        verbose_name=_("reconciliation"),
        on_delete=models.PROTECT,
        related_name="findings",
    )
    cause = models.CharField(_("cause"), max_length=16, choices=Cause.choices)
    subject = models.CharField(_("subject"), max_length=80, blank=True, db_index=True)
    attempt = models.PositiveSmallIntegerField(_("attempt"), null=True, blank=True)
    reference = models.CharField(_("the relay's row"), max_length=200, blank=True)
    model = models.CharField(_("model"), max_length=200)
    at = models.DateTimeField(_("time"))
    ours_prompt_tokens = models.BigIntegerField(_("tokens in, ours"), default=0)
    ours_completion_tokens = models.BigIntegerField(_("tokens out, ours"), default=0)
    ours_cached_tokens = models.BigIntegerField(_("tokens cached, ours"), null=True, blank=True)
    ours_nano_usd = models.BigIntegerField(_("cost, ours"), default=0)
    theirs_prompt_tokens = models.BigIntegerField(_("tokens in, the relay's"), default=0)
    theirs_completion_tokens = models.BigIntegerField(_("tokens out, the relay's"), default=0)
    theirs_cached_tokens = models.BigIntegerField(
        _("tokens cached, the relay's"), null=True, blank=True
    )
    theirs_nano_usd = models.BigIntegerField(_("cost, the relay's"), default=0)
    # Whether our books say what the bill says now: by the transfer, or by one of no amount.
    settled = models.BooleanField(_("corrected"), default=False)
    transfer = models.ForeignKey(
        Transfer,
        verbose_name=_("correction"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="findings",
    )
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        """As they were found."""

        ordering = ("-run", "id")
        verbose_name = _("finding of a reconciliation")
        verbose_name_plural = _("findings of reconciliations")

    def __str__(self) -> str:
        return f"{self.cause} {self.subject or self.reference}"


class ReconciledPart(models.Model):
    """That a relay's bill has confirmed or corrected its tries of a turn that paid others too.

    With the parts of all of them the turn is reconciled.
    """

    subject = models.CharField(max_length=80)
    relay = models.CharField(max_length=100)
    run = models.ForeignKey(ReconciliationRun, on_delete=models.PROTECT, related_name="parts")

    class Meta:
        """Once each."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=("subject", "relay"), name="billing_reconciledpart_once")
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.relay}"
