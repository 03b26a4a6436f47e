"""Remove the texts of answers to programs that nobody can ask for again."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from chat.models import Conversation, ConversationSource, Message, Turn, TurnState

AT_A_TIME = 200
"""So many in one transaction: others write between them."""


def forget_answers() -> int:
    """Remove the texts of answers older than API_ANSWER_HOURS, except those of batches; gives how
    many. Figures stay, and the sum by which a text can be proven."""
    forgotten = 0
    while some := _forget_some():
        forgotten += some
    return forgotten


@transaction.atomic
def _forget_some() -> int:
    runs = Turn.objects.filter(conversation_id=OuterRef("pk"), state=TurnState.RUNNING)
    old = Conversation.objects.filter(
        ~Exists(runs),
        source=ConversationSource.API,
        forgotten_at=None,
        updated_at__lt=Now() - timedelta(hours=settings.TURNS.api_answer_hours),
    )
    ids = list(old.order_by("updated_at").values_list("pk", flat=True)[:AT_A_TIME])
    if ids:
        Message.objects.filter(conversation_id__in=ids).update(
            content="", reasoning="", extras=None, search_text=""
        )
        Conversation.objects.filter(pk__in=ids).update(forgotten_at=Now())
    return len(ids)
