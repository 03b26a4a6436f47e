"""Billing: ledger, holds, prices, budgets. Never imports chat."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_save
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    """Floor 1."""

    name = "billing"
    verbose_name = _("Billing")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Give each new team its sign-up credit: accounts lies below and cannot ask for it.

        ImproperlyConfigured where that credit, or the rule of top-ups, is not an amount.
        """
        from billing.budgets import signup_credit_nano_usd
        from billing.topups import usd_per_cny_nano

        signup_credit_nano_usd()
        usd_per_cny_nano()
        post_save.connect(
            _credit_new_team, sender="accounts.Team", dispatch_uid="billing.signup_credit"
        )


def _credit_new_team(instance: Any, created: bool, raw: bool = False, **_more: Any) -> None:
    from billing.budgets import grant_signup_credit

    if created and not raw:
        grant_signup_credit(instance.pk)
