"""Door to what a message may cost, before it is sent."""

from uuid import UUID, uuid4

from asgiref.sync import async_to_sync
from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from chat.api.credentials import principal_of
from chat.queries.estimates import Estimate, estimate
from chat.relay.errors import ModelUnknown as NotListed
from chat.relay.errors import RelayError
from chat.services.errors import ModelUnknown
from chat.services.intents import Intent, Models
from chat.turns.relays import Offer, directory

MAX_TOKENS = 1_000_000_000

router = Router()


class Draft(Schema):
    """A message as it would be sent; the names are those of the socket's `chat`."""

    model_config = ConfigDict(extra="forbid")

    content: str
    conversation: UUID | None = None
    parent: UUID | None = None
    model: str | None = Field(None, max_length=200)
    max_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS)
    system: str | None = Field(None, max_length=20_000)


@router.post("/estimates")
def show(request: HttpRequest, draft: Draft) -> Estimate:
    """Say what a message may cost. Its text is neither stored nor logged."""
    # The relays' lists live on the server's own event loop; all else is counted in this thread.
    model, models, offers = async_to_sync(_ask)(draft.model)
    intent = Intent(
        kind="chat",
        # Nothing is sent, so nothing is known by it.
        client_id=uuid4(),
        conversation_id=draft.conversation,
        parent_id=draft.parent,
        content=draft.content,
        model=model,
        asked_model=draft.model,
        max_tokens=draft.max_tokens,
        system=draft.system,
    )
    return estimate(principal_of(request), intent, models, offers)


async def _ask(name: str | None) -> tuple[str | None, Models, tuple[Offer, ...]]:
    """What a name of a model means, and what there is to know of all models; no offers while no
    relay answers, and then a name means itself."""
    relays = directory()
    try:
        model = (await relays.route(name)).model if name else None
        return model, await relays.models(), await relays.offers()
    except NotListed as error:
        raise ModelUnknown(model=name, near_matches=list(error.near_matches)) from None
    except RelayError:
        return name, Models(), ()
