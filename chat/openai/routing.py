"""Which door a request under `/v1/` is for."""

from collections.abc import Awaitable, Callable, Mapping

from chat.completions import ProgramError
from chat.openai.calls import Call
from chat.openai.completions import complete

Door = Callable[[Call], Awaitable[None]]
Methods = Mapping[str, Door]

DOORS: Mapping[str, Methods] = {
    "/v1/chat/completions": {"POST": complete},
}


def door_of(call: Call) -> Door:
    """Return the door. Raises ProgramError where there is none, or not for this method."""
    methods = _methods_at(call.path)
    if methods is None:
        raise ProgramError(
            "not_found",
            f"There is nothing at {call.path[:200]}. What there is: {', '.join(DOORS)}.",
        )
    door = methods.get("GET" if call.method == "HEAD" else call.method)
    if door is None:
        allowed = ", ".join(methods)
        call.told.append((b"allow", allowed.encode()))
        raise ProgramError(
            "method_not_allowed", f"{call.method[:20]} is not for this address; {allowed} is."
        )
    return door


def _methods_at(path: str) -> Methods | None:
    return DOORS.get(path)
