"""One site for all clients of a worker, with its relay at hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.openai.program import QUICK, make_key
from tests.servers import TramServer

LIMITS = {"MAX_RETRIES": "1", "RETRY_DELAY_MS": "10", "ACK_TIMEOUT_SECONDS": "5"}


@dataclass(frozen=True)
class Site:
    """A site as a client knows it, by address and key; and as its operator sees it."""

    server: TramServer
    key: str

    @property
    def base_url(self) -> str:
        return self.server.url + "/v1"

    @property
    def socket_url(self) -> str:
        return "ws" + self.base_url.removeprefix("http") + "/chat/completions"

    def environment(self) -> dict[str, str]:
        """What a script in another language is told."""
        return {"TRAM_URL": self.server.url, "TRAM_KEY": self.key}

    def let_relay(self, *acts: dict[str, Any], times: int = 1) -> None:
        """Let the relay answer its next requests like this."""
        address = self.server.relay_url.removesuffix("/v1") + "/demo/queue"
        script = {"script": list(acts), "times": times}
        httpx.post(address, json=script, trust_env=False).raise_for_status()

    def state_of(self, completion_id: str) -> tuple[str, int]:
        """How a turn stands, and how often it was settled."""
        turn = UUID(completion_id.removeprefix("chatcmpl-"))
        states = self.server.rows("select state from chat_turn where id = ?", turn.hex)
        paid = self.server.rows(
            "select 1 from billing_settlement where subject = ?", f"turn:{turn}"
        )
        return str(states[0][0]), len(paid)


@pytest.fixture(scope="session")
def site(server_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site, and a key of Alice's in the demo team."""
    folder = tmp_path_factory.mktemp("clients")
    with TramServer(folder, server_template, LIMITS, relay_options=QUICK) as server:
        yield Site(server, make_key(server, "alice"))
