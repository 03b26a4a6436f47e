"""Door to the models that can be chosen."""

from asgiref.sync import async_to_sync
from django.http import HttpRequest
from ninja import Router

from accounts.policy import Principal, allows, require
from accounts.roles import Capability
from chat.api.credentials import principal_of
from chat.queries.model_list import ModelList, model_list
from chat.relay.errors import RelayError
from chat.turns.relays import Offer, directory

router = Router()


@router.get("/models")
def models(request: HttpRequest) -> ModelList:
    """List the models with their prices, also while no relay answers."""
    principal = principal_of(request)
    if not allows(principal, Capability.SEND_MESSAGE, principal.team_id):
        require(principal, Capability.READ_CONVERSATION, principal.team_id)
    return models_for(principal)


def models_for(principal: Principal) -> ModelList:
    """The models as the current team pays for them; while no relay answers, those with prices."""
    try:
        # Runs on the server's own event loop, where the relays' connections live.
        offers, default = async_to_sync(_ask)()
    except RelayError:
        return model_list((), "", team_id=principal.team_id, relay_down=True)
    return model_list(offers, default, team_id=principal.team_id)


async def _ask() -> tuple[tuple[Offer, ...], str]:
    relays = directory()
    return await relays.offers(), await relays.default_model()
