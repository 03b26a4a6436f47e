"""The doors under `/v1/` as one ASGI application."""

from typing import Any

from django.conf import settings

from chat.completions import ProgramError
from chat.openai.calls import NOT_IN_THE_CLEAR, Call, Disconnected
from chat.openai.refusals import explain
from chat.openai.routing import FORGOTTEN, door_of
from chat.services.errors import Restarting
from chat.turns.lifecycle import is_closed


class OpenAIDoors:
    """Answers the requests under `/v1/`; all others go to `pages`, Django's application."""

    def __init__(self, pages: Any) -> None:
        self._pages = pages

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request (ASGI)."""
        path: str = scope["path"]
        if path == "/v1" or path.startswith("/v1/") or path in FORGOTTEN:
            await _answer(Call(scope, receive, send))
        else:
            await self._pages(scope, receive, send)


async def _answer(call: Call) -> None:
    try:
        if is_closed():
            raise Restarting
        if settings.SECURE_SSL_REDIRECT and not call.is_secure:
            raise ProgramError("bad_frame", NOT_IN_THE_CLEAR)
        await door_of(call)(call)
    except Disconnected:
        return
    except Exception as error:
        refusal = explain(error)
        if call.begun:
            # The head is out: only an end without the last word can tell it.
            await call.write(b"", more=False)
        else:
            await call.refuse(refusal)
