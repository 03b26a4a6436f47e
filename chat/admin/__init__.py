"""Turns, conversations and messages in Django's admin: to review, not to read along."""

from django.contrib import admin

from chat.admin.conversations import ConversationAdmin, MessageAdmin
from chat.admin.turns import TurnAdmin
from chat.models import Conversation, Message, Turn

admin.site.register(Turn, TurnAdmin)
admin.site.register(Conversation, ConversationAdmin)
admin.site.register(Message, MessageAdmin)
