"""Door to what a turn may cost, before it is asked for."""

from typing import Annotated, Literal, Self
from uuid import UUID, uuid4

from asgiref.sync import async_to_sync
from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from chat.api.credentials import principal_of
from chat.api.turnstile import Turnstile
from chat.queries.estimates import Estimate, estimate
from chat.relay.errors import ModelUnknown as NotListed
from chat.relay.errors import RelayError
from chat.services.errors import ModelUnknown
from chat.services.intents import Intent, Models
from chat.turns.relays import Offer, directory

MAX_TOKENS = 1_000_000_000
_OPTIONS = frozenset({"model", "max_tokens", "system"})
FIELDS = {
    "chat": _OPTIONS | {"content", "conversation", "parent"},
    "edit": _OPTIONS | {"content", "message"},
    "regenerate": _OPTIONS | {"message"},
    "continue": frozenset({"message"}),
}
"""What each type is told by."""


router = Router()
turnstile = Turnstile()


def _storable(text: str) -> str:
    """Refuse halves of surrogate pairs, which JSON can name and no text has."""
    if not text.isascii() and any("\ud800" <= each <= "\udfff" for each in text):
        raise ValueError("The text holds half a character")
    return text


Text = Annotated[str, AfterValidator(_storable)]


class Draft(Schema):
    """A turn as it would be asked for; names and kinds are those of the socket's commands."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["chat", "edit", "regenerate", "continue"] = "chat"
    content: Text = ""
    conversation: UUID | None = None
    parent: UUID | None = None
    message: UUID | None = None
    model: Text | None = Field(None, max_length=200)
    max_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS)
    system: Text | None = Field(None, max_length=20_000)

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        """Refuse what the command of this type does not have, and what it lacks."""
        extra = self.model_fields_set - FIELDS[self.type] - {"type"}
        if extra:
            raise ValueError(f"'{self.type}' has no {sorted(extra)[0]}")
        if (self.type == "chat") != (self.message is None):
            raise ValueError(f"'{self.type}' needs the message that it is about")
        return self


@router.post("/estimates")
def show(request: HttpRequest, draft: Draft) -> Estimate:
    """Say what a turn may cost. Its text is neither stored nor logged."""
    principal = principal_of(request)
    # The relays' lists live on the server's own event loop; all else is counted in this thread.
    model, models, offers = async_to_sync(_ask)(draft.model)
    intent = Intent(
        kind=draft.type,
        # Nothing is sent, so nothing is known by it.
        client_id=uuid4(),
        conversation_id=draft.conversation,
        parent_id=draft.parent,
        target_id=draft.message,
        content=draft.content,
        model=model,
        asked_model=draft.model,
        max_tokens=draft.max_tokens,
        system=draft.system,
    )
    with turnstile.through(principal.user_id):
        return estimate(principal, intent, models, offers)


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
