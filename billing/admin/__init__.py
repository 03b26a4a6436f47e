"""Usage, ledger, prices and budgets in Django's admin."""

from django.contrib import admin

from billing.admin.alerts import SpendAlertAdmin
from billing.admin.budgets import BudgetAdmin
from billing.admin.codes import CodeAdmin
from billing.admin.ledger import AccountAdmin, TransferAdmin
from billing.admin.limits import LimitAdmin
from billing.admin.markups import MarkupAdmin
from billing.admin.prices import PriceVersionAdmin
from billing.admin.rates import ExchangeRateAdmin
from billing.admin.usage import SettlementAdmin
from billing.models import (
    Account,
    Budget,
    Code,
    ExchangeRate,
    Limit,
    Markup,
    PriceVersion,
    Settlement,
    SpendAlert,
    Transfer,
)

admin.site.register(Settlement, SettlementAdmin)
admin.site.register(Transfer, TransferAdmin)
admin.site.register(Account, AccountAdmin)
admin.site.register(Budget, BudgetAdmin)
admin.site.register(Limit, LimitAdmin)
admin.site.register(PriceVersion, PriceVersionAdmin)
admin.site.register(Markup, MarkupAdmin)
admin.site.register(Code, CodeAdmin)
admin.site.register(SpendAlert, SpendAlertAdmin)
admin.site.register(ExchangeRate, ExchangeRateAdmin)
