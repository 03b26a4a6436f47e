"""Which model a turn asks, and whether it may."""

from chat.models import Conversation
from chat.services.errors import ModelForbidden, ModelUnknown
from chat.services.intents import Intent, Models


def model_for(intent: Intent, conversation: Conversation, models: Models) -> str:
    """The model to ask: the one named, else the conversation's, else the default.

    Raises ModelForbidden, and ModelUnknown where no relay offers it.
    """
    named = intent.model or conversation.model or models.default
    offered = models.offered
    # A conversation may go on with what its model is called now.
    gone = offered is not None and named not in offered
    model = models.aliases.get(named, named) if gone else named
    if not models.forbidden.isdisjoint((named, model, intent.asked_model or "")):
        raise ModelForbidden(model=model, reason="forbidden")
    if offered is not None and model not in offered:
        raise ModelUnknown(model=named, near_matches=[])
    return model
