"""Billing: ledger, holds, prices, budgets. Never imports chat."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Floor 1."""

    name = "billing"
    default_auto_field = "django.db.models.BigAutoField"
