"""Turns, conversations and messages in Django's admin: to review, not to read along; relays."""

from django.contrib import admin

from billing.models import ReconciliationFinding, ReconciliationRun
from chat.admin.alerts import RelayAlertAdmin
from chat.admin.attempt_list import AttemptAdmin
from chat.admin.batches import BatchAdmin
from chat.admin.conversations import ConversationAdmin, MessageAdmin
from chat.admin.model_settings import ModelAliasAdmin, ModelSettingAdmin
from chat.admin.nodes import NodeAdmin
from chat.admin.reconciliations import ReconciliationFindingAdmin, ReconciliationRunAdmin
from chat.admin.relays import RelayAdmin
from chat.admin.turns import TurnAdmin
from chat.models import (
    Attempt,
    Batch,
    Conversation,
    Message,
    ModelAlias,
    ModelSetting,
    Node,
    Relay,
    RelayAlert,
    Turn,
)

admin.site.register(Turn, TurnAdmin)
admin.site.register(Conversation, ConversationAdmin)
admin.site.register(Message, MessageAdmin)
admin.site.register(Relay, RelayAdmin)
admin.site.register(Attempt, AttemptAdmin)
admin.site.register(Batch, BatchAdmin)
admin.site.register(RelayAlert, RelayAlertAdmin)
admin.site.register(ModelSetting, ModelSettingAdmin)
admin.site.register(ModelAlias, ModelAliasAdmin)
admin.site.register(Node, NodeAdmin)
admin.site.register(ReconciliationRun, ReconciliationRunAdmin)
admin.site.register(ReconciliationFinding, ReconciliationFindingAdmin)
