"""Budgets: what may be spent, at several levels at once."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.models.limits import Limit


class BudgetScope(models.TextChoices):
    """Whose spending a budget bounds."""

    INSTALLATION = "installation", _("Installation")
    TEAM = "team", _("Team")
    PERSON = "person", _("Person in a team")
    CONVERSATION = "conversation", _("Conversation")
    API_KEY = "api_key", _("API key")


class Budget(models.Model):
    """A bound on spending, in nano-USD, with its counters: a team's credit, or a limit's period.

    `posted` (captured) and `held` (open holds) are caches of the transfers; of a team's credit
    `granted` is one too (its grants and adjustments), of the others it is the amount of the limit.
    A hold must fit into every hard budget that applies: posted + held + hold <= granted.
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
    conversation_id = models.UUIDField(_("conversation"), null=True, blank=True)
    api_key_id = models.BigIntegerField(_("API key"), null=True, blank=True)
    limit = models.ForeignKey(
        Limit,
        verbose_name=_("limit"),
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="budgets",
    )
    # The first day of the period, in the limit's zone; None where it never starts afresh.
    period_start = models.DateField(_("period start"), null=True, blank=True, editable=False)
    is_hard = models.BooleanField(_("refuses what does not fit"), default=True, editable=False)
    granted_nano_usd = models.BigIntegerField(_("granted"), default=0)
    posted_nano_usd = models.BigIntegerField(_("spent"), default=0, editable=False)
    held_nano_usd = models.BigIntegerField(_("held"), default=0, editable=False)
    soft_limit_percent = models.PositiveSmallIntegerField(
        _("soft limit, percent"), default=80, help_text=_("From here on the meter warns.")
    )

    class Meta:
        """Ordered as they are locked: from the installation to the API key; then by id."""

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
                | Q(scope="person", team__isnull=False, person__isnull=False)
                | Q(
                    scope="conversation",
                    team__isnull=False,
                    person=None,
                    conversation_id__isnull=False,
                )
                | Q(scope="api_key", team__isnull=False, person=None, api_key_id__isnull=False),
                name="billing_budget_scope_names_its_owner",
            ),
            models.CheckConstraint(
                condition=Q(soft_limit_percent__lte=100), name="billing_budget_soft_limit"
            ),
        ]

    def __str__(self) -> str:
        if self.team is None:
            return str(BudgetScope.INSTALLATION.label)
        if self.api_key_id is not None:
            return f"{_('API key')} {self.api_key_id}, {self.team}"
        owner = self.person or self.conversation_id
        return f"{owner}, {self.team}" if owner else str(self.team)

    @property
    def remaining_nano_usd(self) -> int:
        """What may still be held; below zero after an overrun or a lowered limit."""
        return self.granted_nano_usd - self.posted_nano_usd - self.held_nano_usd
