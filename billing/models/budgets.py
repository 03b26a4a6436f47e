"""Budgets: what may be spent, at several levels at once."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class BudgetScope(models.TextChoices):
    """Whose spending a budget bounds."""

    INSTALLATION = "installation", _("Installation")
    TEAM = "team", _("Team")
    PERSON = "person", _("Person in a team")


class BudgetPeriod(models.TextChoices):
    """How often a budget starts afresh."""

    NONE = "none", _("Never")
    DAY = "day", _("Every day")
    WEEK = "week", _("Every week")
    MONTH = "month", _("Every month")


class Budget(models.Model):
    """A bound on spending, in nano-USD, with its counters.

    `posted` (captured) and `held` (open holds) are caches of the transfers; of a team's own budget
    `granted` is one too (its grants and adjustments), of the others it is a limit that people set.
    A hold must fit into every budget that applies: posted + held + hold <= granted.
    """

    key = models.CharField(max_length=120, unique=True, editable=False)
    scope = models.CharField(_("scope"), max_length=16, choices=BudgetScope.choices)
    rank = models.PositiveSmallIntegerField(editable=False)
    team = models.ForeignKey(
        "accounts.Team",
        verbose_name=_("team"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    period = models.CharField(
        _("period"), max_length=8, choices=BudgetPeriod.choices, default=BudgetPeriod.NONE
    )
    period_start = models.DateField(_("period start"), null=True, blank=True, editable=False)
    granted_nano_usd = models.BigIntegerField(_("granted"), default=0)
    posted_nano_usd = models.BigIntegerField(_("spent"), default=0, editable=False)
    held_nano_usd = models.BigIntegerField(_("held"), default=0, editable=False)
    soft_limit_percent = models.PositiveSmallIntegerField(
        _("soft limit, percent"), default=80, help_text=_("From here on the meter warns.")
    )

    class Meta:
        """Ordered as they are locked: installation, team, person; then by id."""

        ordering = ("rank", "id")
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        indexes: ClassVar = [models.Index(fields=("team", "person"), name="billing_budget_applies")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(posted_nano_usd__gte=0, held_nano_usd__gte=0),
                name="billing_budget_counters_positive",
            ),
            models.CheckConstraint(
                condition=Q(scope="installation", team=None, person=None)
                | Q(scope="team", team__isnull=False, person=None)
                | Q(scope="person", team__isnull=False, person__isnull=False),
                name="billing_budget_scope_names_its_owner",
            ),
            models.CheckConstraint(
                condition=Q(soft_limit_percent__lte=100), name="billing_budget_soft_limit"
            ),
        ]

    def __str__(self) -> str:
        if self.team is None:
            return str(BudgetScope.INSTALLATION.label)
        return f"{self.person}, {self.team}" if self.person else str(self.team)

    @property
    def remaining_nano_usd(self) -> int:
        """What may still be held; below zero after an overrun or a lowered limit."""
        return self.granted_nano_usd - self.posted_nano_usd - self.held_nano_usd


# Django takes a difference of two 64-bit fields for a 32-bit one and, on PostgreSQL, decides that
# nothing can be greater than USD 2.14 unless told the width.
REMAINING = models.ExpressionWrapper(
    F("granted_nano_usd") - F("posted_nano_usd") - F("held_nano_usd"),
    output_field=models.BigIntegerField(),
)
"""The same as `Budget.remaining_nano_usd`, for conditional updates."""
