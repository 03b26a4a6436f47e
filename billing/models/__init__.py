"""Tables of money: accounts and transfers, holds, settlements, prices, budgets."""

from billing.models.budgets import Budget, BudgetScope
from billing.models.codes import Code
from billing.models.holds import Hold, HoldBudget
from billing.models.ledger import Account, AccountKind, Transfer, TransferKind
from billing.models.limits import Limit, LimitScope, Period, SpendAlert
from billing.models.prices import Markup, PriceVersion
from billing.models.rates import Currency, ExchangeRate
from billing.models.reconciliation import (
    Cause,
    ReconciledPart,
    ReconciliationFinding,
    ReconciliationRun,
    RunState,
)
from billing.models.settlements import Quality, Settlement
from billing.models.usage import ConversationTotal, UsageFold, UsageTotal

__all__ = [
    "Account",
    "AccountKind",
    "Budget",
    "BudgetScope",
    "Cause",
    "Code",
    "ConversationTotal",
    "Currency",
    "ExchangeRate",
    "Hold",
    "HoldBudget",
    "Limit",
    "LimitScope",
    "Markup",
    "Period",
    "PriceVersion",
    "Quality",
    "ReconciledPart",
    "ReconciliationFinding",
    "ReconciliationRun",
    "RunState",
    "Settlement",
    "SpendAlert",
    "Transfer",
    "TransferKind",
    "UsageFold",
    "UsageTotal",
]
