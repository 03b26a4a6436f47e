"""Tables of money: accounts and transfers, holds, settlements, prices, budgets."""

from billing.models.budgets import Budget, BudgetPeriod, BudgetScope
from billing.models.holds import Hold, HoldBudget
from billing.models.ledger import Account, AccountKind, Transfer, TransferKind
from billing.models.prices import PriceVersion
from billing.models.settlements import Quality, Settlement

__all__ = [
    "Account",
    "AccountKind",
    "Budget",
    "BudgetPeriod",
    "BudgetScope",
    "Hold",
    "HoldBudget",
    "PriceVersion",
    "Quality",
    "Settlement",
    "Transfer",
    "TransferKind",
]
