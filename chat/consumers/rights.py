"""The rights of an open connection: looked at again when told, and now and then anyway."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from django.conf import settings

from accounts.authentication import revalidate
from accounts.policy import Principal
from chat.consumers import handshake
from chat.consumers.groups import Listening
from chat.crossing import cross

log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0
"""Pause after a look that the database did not answer."""


class Holder(Protocol):
    """Who acts over one connection."""

    principal: Principal

    def change_rights(self, principal: Principal) -> None:
        """Go on with the rights the person has now."""


class RightsWatch:
    """Keeps what one connection may do and hear as the database says."""

    def __init__(
        self, holder: Holder, listening: Listening, close: Callable[[int], Awaitable[None]]
    ) -> None:
        self._holder = holder
        self._listening = listening
        self._close = close
        self._ended = False
        self._told = asyncio.Event()
        # A change between the greeting and the first group was told to nobody: look once more.
        self._told.set()

    def tell(self, credential: str | None) -> None:
        """The person's rights changed: for all her connections, or one credential has ended.

        An ended one is not looked up again: a sign-out is told a moment before the session is gone.
        """
        if credential and credential != self._holder.principal.credential:
            return
        self._ended = self._ended or bool(credential)
        self._told.set()

    async def keep(self) -> None:
        """Look again and again, until the connection has no rights left. An announcement may get
        lost, and must not keep old rights for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(settings.SOCKETS.revalidate_seconds):
                    await self._told.wait()
            self._told.clear()
            try:
                if not await self._look():
                    return
            except Exception as error:
                log.warning("rights_not_read", error=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
                self._told.set()

    async def _look(self) -> bool:
        principal = None if self._ended else await cross(revalidate, self._holder.principal)
        if principal is None:
            await self._close(handshake.NOT_SIGNED_IN)
            return False
        if principal != self._holder.principal:
            self._holder.change_rights(principal)
        await self._listening.follow(principal)
        return True
