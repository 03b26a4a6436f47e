"""The models that a form lets people choose from."""

from asgiref.sync import async_to_sync

from accounts.policy import Principal
from chat.queries.model_list import ModelList, model_list
from chat.relay.errors import RelayError
from chat.turns.relays import Offer, directory


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
