"""The ledger, to read."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from billing.admin.bases import ReadOnly, moment, money
from billing.admin.exports import AccountResource, TransferResource
from billing.models import Transfer


class TransferAdmin(ReadOnly):
    """Every movement of money, newest first."""

    resource_classes = (TransferResource,)
    why_read_only = _(
        "The ledger is read-only: every row is one movement of money, and the database itself "
        "refuses to change or delete it, so that the balances can be proved from the rows. "
        "A mistake is corrected by another transfer. “verifyledger” checks it all."
    )
    list_display = (
        "id",
        "written",
        "kind",
        "amount",
        "team",
        "from_kind",
        "to_kind",
        "person",
        "overrun",
        "subject",
        "note",
    )
    list_filter = (
        "kind",
        "overrun",
        ("team", admin.RelatedOnlyFieldListFilter),
        ("person", admin.RelatedOnlyFieldListFilter),
        "created_at",
    )
    list_select_related = ("team", "person", "debit", "credit")
    search_fields = ("subject", "team__name", "person__username", "note", "idempotency_key")
    date_hierarchy = "created_at"
    written = moment("created_at", _("created"))
    amount = money("amount_nano_usd", _("amount"))

    @admin.display(description=_("from"), ordering="debit__kind")
    def from_kind(self, transfer: Transfer) -> str:
        """The account's kind; the team stands beside it."""
        return transfer.debit.get_kind_display()

    @admin.display(description=_("to"), ordering="credit__kind")
    def to_kind(self, transfer: Transfer) -> str:
        """The account's kind; the team stands beside it."""
        return transfer.credit.get_kind_display()


class AccountAdmin(ReadOnly):
    """Balances, cached from the transfers."""

    resource_classes = (AccountResource,)
    why_read_only = _(
        "Balances are read-only: they are a cache of the transfers. “verifyledger” compares them, "
        "and “verifyledger --rebuild” makes them anew."
    )
    list_display = ("id", "kind", "team", "in_pending", "in_posted", "out_pending", "out_posted")
    list_filter = ("kind",)
    list_select_related = ("team",)
    search_fields = ("team__name",)
    in_pending = money("credits_pending_nano_usd", _("credits pending"))
    in_posted = money("credits_posted_nano_usd", _("credits posted"))
    out_pending = money("debits_pending_nano_usd", _("debits pending"))
    out_posted = money("debits_posted_nano_usd", _("debits posted"))
