"""The demo relay as a process of its own, and its log."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.processes import Child, free_port, wait_for_port
from tests.servers import server_environment


class DemoRelayProcess:
    """The demo relay, with its faults listed; `options` are its other ones."""

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        command = ("-m", "chat.relay.demo", "--port", str(self.port), "--faults", *options)
        self._child = Child(*command, env=server_environment(folder), log=folder / "relay.log")

    def start(self) -> None:
        """Start it if it does not run; return when it answers."""
        if not self._child.running():
            self._child.start()
            wait_for_port(self._child, self.port)

    def kill(self) -> None:
        """End it."""
        self._child.kill()

    def signal(self, number: signal.Signals) -> None:
        """Send any signal, such as SIGSTOP: all its answers stand still."""
        self._child.send(number)

    def requests(self) -> list[dict[str, Any]]:
        """All requests that it has seen, oldest first (RequestRecord's fields)."""
        found: list[dict[str, Any]] = self._inside("log")["requests"]
        return found

    def streams(self) -> int:
        """How many answers go on now."""
        return int(self._inside("streams")["open"])

    def queue(self, acts: list[dict[str, Any]], times: int = 1) -> None:
        """Let the next requests go like this."""
        script = {"script": acts, "times": times}
        httpx.post(self._address("queue"), json=script, trust_env=False).raise_for_status()

    def _inside(self, what: str) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(self._address(what), trust_env=False, timeout=20).json()
        return found

    def _address(self, what: str) -> str:
        return self.url.removesuffix("/v1") + f"/demo/{what}"
