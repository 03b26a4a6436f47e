"""Which door a request under `/v1/` is for."""

from collections.abc import Awaitable, Callable, Mapping

from chat.completions import ProgramError
from chat.openai.calls import Call
from chat.openai.completions import complete
from chat.openai.listings import MODELS_PATH, model, models, usage

Door = Callable[[Call], Awaitable[None]]
Methods = Mapping[str, Door]

DOORS: Mapping[str, Methods] = {
    "/v1/chat/completions": {"POST": complete},
    "/v1/models": {"GET": models},
    "/v1/usage": {"GET": usage},
}
ONE_MODEL: Methods = {"GET": model}
FORGOTTEN = frozenset({"/chat/completions", "/models"})
"""Where clients go whose base URL lacks `/v1`: told so, as no page is there anyway."""


def door_of(call: Call) -> Door:
    """Return the door. Raises ProgramError where there is none, or not for this method."""
    methods = _methods_at(call.path)
    if methods is None:
        raise ProgramError("not_found", _what_there_is(call.path))
    door = methods.get("GET" if call.method == "HEAD" else call.method)
    if door is not None:
        return door
    also = ("HEAD",) if "GET" in methods else ()
    allowed = ", ".join([*methods, *also, "OPTIONS"])
    call.told.append((b"allow", allowed.encode()))
    if call.method == "OPTIONS":
        return _show_methods
    raise ProgramError(
        "method_not_allowed", f"{call.method[:20]} is not for this address. Use {allowed}."
    )


def _what_there_is(path: str) -> str:
    hint = " The base URL of this API ends with /v1." if path in FORGOTTEN else ""
    return f"There is nothing at {path[:200]!r}.{hint} What there is: {', '.join(DOORS)}."


def _methods_at(path: str) -> Methods | None:
    if path.startswith(MODELS_PATH) and path != MODELS_PATH:
        return ONE_MODEL
    return DOORS.get(path)


async def _show_methods(call: Call) -> None:
    """The head says it all."""
    await call.nothing()
