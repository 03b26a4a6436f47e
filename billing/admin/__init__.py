"""Usage, ledger, prices and budgets in Django's admin."""

from django.contrib import admin

from billing.admin.budgets import BudgetAdmin
from billing.admin.ledger import AccountAdmin, TransferAdmin
from billing.admin.prices import PriceVersionAdmin
from billing.admin.usage import SettlementAdmin
from billing.models import Account, Budget, PriceVersion, Settlement, Transfer

admin.site.register(Settlement, SettlementAdmin)
admin.site.register(Transfer, TransferAdmin)
admin.site.register(Account, AccountAdmin)
admin.site.register(Budget, BudgetAdmin)
admin.site.register(PriceVersion, PriceVersionAdmin)
