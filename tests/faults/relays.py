"""The misbehaving relays, one for each fault, in a process of their own.

Each lists its one model only, so that what one of them does to its breaker or its limits does
not touch the others. Run as ``python -m tests.faults.relays KEY FAULT...``; prints their addresses.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from chat.relay.demo import DemoRelay
from chat.relay.demo.faults import FAULT_PREFIX, FAULTS
from chat.relay.demo.offering import MODELS_BY_ID
from tests.processes import Child, wait_for_line
from tests.servers import server_environment

_READY = re.compile(r"^relays (\{.*\})$", re.MULTILINE)


class FaultyRelays:
    """The process. `addresses` are the relays', by fault, up to `/v1`."""

    def __init__(self, folder: Path, key: str, faults: Sequence[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        arguments = ("-m", "tests.faults.relays", key, *faults)
        self._child = Child(*arguments, env=server_environment(folder), log=folder / "relays.log")
        self.addresses: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._child.start()
        self.addresses = json.loads(wait_for_line(self._child, _READY))
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()

    @property
    def setting(self) -> str:
        """The addresses as the server's environment takes them."""
        return ",".join(f"{fault}={address}" for fault, address in self.addresses.items())


async def _serve(key: str, faults: Sequence[str]) -> None:
    every = frozenset(MODELS_BY_ID) | {FAULT_PREFIX + name for name in FAULTS}
    addresses = {}
    async with AsyncExitStack() as stack:
        for fault in faults:
            relay = await stack.enter_async_context(
                DemoRelay(
                    keys=frozenset({key}),
                    tokens_per_second=None,
                    first_token_seconds=0.0,
                    lists_faults=True,
                )
            )
            relay.shelf.dropped = every - {FAULT_PREFIX + fault}
            addresses[fault] = relay.base_url
        print("relays", json.dumps(addresses), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], sys.argv[2:]))
