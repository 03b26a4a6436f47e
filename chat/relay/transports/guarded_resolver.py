"""Where aiohttp learns the addresses of a relay that is not the operator's own choice."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from chat.relay.address_guard import Lookup, resolve
from chat.relay.errors import RelayUnavailable


class GuardedResolver(AbstractResolver):
    """Gives out addresses that are allowed; aiohttp connects to these and no others."""

    def __init__(
        self, networks: tuple[str, ...], *, plain: bool, lookup: Lookup | None = None
    ) -> None:
        """`networks` are the private ones that are allowed; `plain` = unencrypted."""
        self._networks = networks
        self._plain = plain
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses to connect to; raises AddressRefused, OSError when not found."""
        try:
            found = await resolve(
                host, port, self._networks, plain=self._plain, lookup=self._lookup
            )
        except RelayUnavailable as error:
            raise OSError(error.message) from None
        results = [_result(host, address, port) for address in found]
        return [each for each in results if family in (socket.AF_UNSPEC, each["family"])]

    async def close(self) -> None:
        """Nothing is kept."""


def _result(name: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=name,
        host=address,
        port=port,
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
