"""Limits: how much may be spent by whom in which period, and what was warned about."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class LimitScope(models.TextChoices):
    """Whose spending is limited."""

    INSTALLATION = "installation", _("Installation")
    TEAM = "team", _("Team")
    PERSON = "person", _("Person in a team")
    CONVERSATION = "conversation", _("Conversation")
    API_KEY = "api_key", _("API key")


class Period(models.TextChoices):
    """How often a limit starts afresh."""

    NONE = "none", _("Never")
    DAY = "day", _("Every day")
    WEEK = "week", _("Every week")
    MONTH = "month", _("Every month")


class Limit(models.Model):
    """A bound on spending in nano-USD, in each period of a named time zone.

    What was spent and held in a period stands in that period's `Budget`. A hard limit refuses what
    does not fit; a soft one only warns. A limit that has ended bounds nothing any more.
    """

    # Scope, owner and period: see `billing.limits`.
    key = models.CharField(max_length=160, editable=False)
    scope = models.CharField(_("scope"), max_length=16, choices=LimitScope.choices)
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
    period = models.CharField(
        _("period"), max_length=8, choices=Period.choices, default=Period.NONE
    )
    zone = models.CharField(
        _("time zone"),
        max_length=64,
        blank=True,
        help_text=_("In which days begin, such as Asia/Shanghai. Empty: the installation's."),
    )
    amount_nano_usd = models.BigIntegerField(_("limit"))
    is_hard = models.BooleanField(
        _("refuse what does not fit"), default=True, help_text=_("Otherwise it only warns.")
    )
    warn_percents = models.CharField(
        _("warn at, percent"), max_length=40, default="80,100", blank=True
    )
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True, editable=False)
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
        """An owner has at most one limit in force for each period."""

        ordering = ("scope", "id")
        verbose_name = _("limit")
        verbose_name_plural = _("limits")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=("key",), condition=Q(ended_at=None), name="billing_limit_once_in_force"
            ),
            models.CheckConstraint(
                condition=Q(amount_nano_usd__gte=0), name="billing_limit_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(
                    scope="installation",
                    team=None,
                    person=None,
                    conversation_id=None,
                    api_key_id=None,
                )
                | Q(
                    scope="team",
                    team__isnull=False,
                    person=None,
                    conversation_id=None,
                    api_key_id=None,
                )
                | Q(
                    scope="person",
                    team__isnull=False,
                    person__isnull=False,
                    conversation_id=None,
                    api_key_id=None,
                )
                | Q(
                    scope="conversation",
                    team__isnull=False,
                    person=None,
                    conversation_id__isnull=False,
                    api_key_id=None,
                )
                | Q(
                    scope="api_key",
                    team__isnull=False,
                    person=None,
                    conversation_id=None,
                    api_key_id__isnull=False,
                ),
                name="billing_limit_scope_names_its_owner",
            ),
        ]

    def __str__(self) -> str:
        if self.team is None:
            return str(LimitScope.INSTALLATION.label)
        if self.api_key_id is not None:
            return f"{_('API key')} {self.api_key_id}, {self.team}"
        owner = self.person or self.conversation_id
        return f"{owner}, {self.team}" if owner else str(self.team)


class SpendAlert(models.Model):
    """A share of a budget that was used up, told once to those who answer for it."""

    budget = models.ForeignKey(
        "billing.Budget", verbose_name=_("budget"), on_delete=models.PROTECT, related_name="alerts"
    )
    percent = models.PositiveSmallIntegerField(_("percent used"))
    used_nano_usd = models.BigIntegerField(_("used"))
    bound_nano_usd = models.BigIntegerField(_("of"))
    created_at = models.DateTimeField(_("noticed"), db_default=Now(), editable=False)
    mailed_at = models.DateTimeField(_("mailed"), null=True, blank=True, editable=False)
    called_at = models.DateTimeField(_("webhook called"), null=True, blank=True, editable=False)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0, editable=False)
    next_try_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(_("last error"), max_length=200, blank=True, editable=False)

    class Meta:
        """Newest first; a share of a budget is told once for each bound that was set."""

        ordering = ("-id",)
        verbose_name = _("spend alert")
        verbose_name_plural = _("spend alerts")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=("budget", "percent", "bound_nano_usd"), name="billing_alert_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.budget}: {self.percent} %"
