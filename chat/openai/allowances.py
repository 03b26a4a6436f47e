"""What is left of the limits, in the head of an answer, as OpenAI's clients know it."""

from django.db import Error as DatabaseError

from accounts.policy import Principal
from chat.crossing import cross
from chat.queries.turn_allowance import Allowance, is_limited, turn_allowances


async def allowance_headers(principal: Principal) -> list[tuple[bytes, bytes]]:
    """The headers; none, and no question to the database, where nothing is limited."""
    if not is_limited():
        return []
    try:
        allowances = await cross(turn_allowances, principal.user_id, principal.team_id)
    except DatabaseError:
        # An answer that has begun does not end for this.
        return []
    return [header for each in allowances for header in _headers(each)]


def _headers(allowance: Allowance) -> list[tuple[bytes, bytes]]:
    figures = {
        "limit": str(allowance.limit),
        "remaining": str(allowance.remaining),
        "reset": f"{allowance.reset_seconds}s",
    }
    return [
        (f"x-ratelimit-{name}-{allowance.what}".encode(), value.encode())
        for name, value in figures.items()
    ]
