"""Who asks: the person and the team of an API key. A session's cookie opens nothing here."""

from collections.abc import Iterable

from accounts.authentication import authenticate
from accounts.policy import Principal
from chat.completions import ProgramError
from chat.crossing import cross

REFUSAL = (
    "This needs a valid API key, sent as `Authorization: Bearer <key>`. Check that the key is "
    "complete, and was neither revoked nor has expired."
)


async def principal_of(headers: Iterable[tuple[bytes, bytes]]) -> Principal:
    """Return who asks, by the headers of a request (names in small letters).

    Raises ProgramError for whatever proves nobody, in the same words for every reason, and
    django.db.Error.
    """
    claims = [(name, value) for name, value in headers if name == b"authorization"]
    principal = await cross(authenticate, claims, None) if claims else None
    if principal is None:
        raise ProgramError("invalid_api_key", REFUSAL)
    return principal
