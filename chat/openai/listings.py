"""`GET /v1/models`, one model, and `GET /v1/usage`."""

from decimal import Decimal
from typing import Any

from accounts.policy import Principal, allows, require
from accounts.roles import Capability
from billing.money import NANO_USD_PER_USD
from chat.crossing import cross
from chat.openai.access import principal_of
from chat.openai.calls import Call
from chat.queries.key_usage import key_usage
from chat.queries.model_list import ModelPrice, ModelView, model_list
from chat.relay.errors import ModelUnknown
from chat.services.model_choice import allows_model
from chat.turns.relays import directory

OWNER = "tram"
UNKNOWN_TIME = 0
MODELS_PATH = "/v1/models/"


async def models(call: Call) -> None:
    """List what the key may ask."""
    principal = await _reader(call)
    listed = [_shown(each) for each in await _offered(principal) if not each.hidden]
    await call.answer(200, {"object": "list", "data": listed})


async def model(call: Call) -> None:
    """Show one model; its name may have slashes, and may be an alias."""
    principal = await _reader(call)
    name = call.path.removeprefix(MODELS_PATH)
    found = (await directory().route(name)).model
    for each in await _offered(principal):
        if each.id == found:
            await call.answer(200, _shown(each))
            return
    raise ModelUnknown(model=name)


async def usage(call: Call) -> None:
    """Tell what the key's team and the key have used."""
    principal = await principal_of(call.headers)
    require(principal, Capability.VIEW_BILLING, principal.team_id)
    told = await cross(key_usage, principal, await directory().default_model())
    await call.answer(200, {"object": "usage", **_fields(told)})


async def _reader(call: Call) -> Principal:
    principal = await principal_of(call.headers)
    if not allows(principal, Capability.SEND_MESSAGE, principal.team_id):
        require(principal, Capability.READ_CONVERSATION, principal.team_id)
    return principal


async def _offered(principal: Principal) -> list[ModelView]:
    relays = directory()
    offers = await relays.offers()
    listed = await cross(model_list, offers, "", team_id=principal.team_id)
    return [each for each in listed.items if each.available and allows_model(principal, each.id)]


def _shown(view: ModelView) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": view.id,
        "object": "model",
        "created": UNKNOWN_TIME,
        "owned_by": OWNER,
    }
    if view.name != view.id:
        shown["name"] = view.name
    if view.context_tokens is not None:
        shown["context_length"] = view.context_tokens
    if view.price is not None:
        shown["pricing"] = _pricing(view.price)
    return shown


def _pricing(price: ModelPrice) -> dict[str, str]:
    """USD for one token or one image, as decimal text."""
    each_token = {
        "prompt": price.input_nano_usd_per_million,
        "completion": price.output_nano_usd_per_million,
        "input_cache_read": price.cached_input_nano_usd_per_million,
        "internal_reasoning": price.reasoning_nano_usd_per_million,
    }
    shown = {
        name: _usd(Decimal(nano) / 1_000_000)
        for name, nano in each_token.items()
        if nano is not None
    }
    if price.image_nano_usd is not None:
        shown["image"] = _usd(Decimal(price.image_nano_usd))
    return shown


def _usd(nano: Decimal) -> str:
    return f"{(nano / NANO_USD_PER_USD).normalize():f}"


def _fields(struct: Any) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}
