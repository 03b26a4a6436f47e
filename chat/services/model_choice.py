"""Which model a turn asks, and whether it may."""

from accounts.policy import Principal
from chat.models import Conversation
from chat.services.errors import ModelBeyondKey, ModelForbidden, ModelUnknown
from chat.services.intents import Intent, Models


def model_for(
    principal: Principal, intent: Intent, conversation: Conversation, models: Models
) -> str:
    """The model to ask: the one named, else the conversation's, else the default.

    Raises as `checked_model`.
    """
    named = intent.model or conversation.model or models.default
    return checked_model(principal, named, intent.asked_model, models)


def checked_model(principal: Principal, named: str, asked_model: str | None, models: Models) -> str:
    """The model that is called so now, where it may be asked; `asked_model` is what the client
    called it.

    Raises ModelForbidden, ModelNotAllowed by the API key, and ModelUnknown where no relay offers
    it.
    """
    offered = models.offered
    # A conversation may go on with what its model is called now.
    gone = offered is not None and named not in offered
    model = models.aliases.get(named, named) if gone else named
    if not models.forbidden.isdisjoint((named, model, asked_model or "")):
        raise ModelForbidden(model=model, reason="forbidden")
    if offered is not None and model not in offered:
        raise ModelUnknown(model=named, near_matches=[])
    if not allows_model(principal, model):
        raise ModelBeyondKey(model=model, reason="api_key")
    return model


def allows_model(principal: Principal, model: str) -> bool:
    """Whether the credential may ask this model, as far as its own list goes."""
    return principal.models is None or model in principal.models
