"""What the demo relay shall do with the next request."""

import time
from typing import Any

import httpx

from tests.servers import TramServer

Act = dict[str, Any]
# Streaming time is the subject of few journeys; those say in their script when to pause.
QUICK_RELAY = ("--tokens-per-second", "0", "--first-token-seconds", "0.02")
ENDING: list[Act] = [{"act": "finish"}, {"act": "report"}, {"act": "done"}, {"act": "end"}]


class RelayScripts:
    """The queue of a site's demo relay."""

    def __init__(self, site: TramServer) -> None:
        self._url = site.relay_url.removesuffix("/v1") + "/demo/"

    def next(self, script: str | list[Act], times: int = 1) -> None:
        """Give the next request a fault by name, or acts."""
        body = {"script": script, "times": times}
        httpx.post(self._url + "queue", json=body, timeout=10).raise_for_status()

    def next_says(self, text: str) -> None:
        """Answer the next request with this text at once."""
        self.next([{"act": "text", "text": text}, {"act": "say"}, *ENDING])

    def next_says_slowly(self, text: str, *, tokens: int, pause_seconds: float) -> None:
        """Answer with `text`, that is `tokens` pieces, a pause, and so on: about 20 pauses."""
        steps: list[Act] = []
        for _ in range(20):
            steps += [{"act": "say", "tokens": tokens}, {"act": "wait", "seconds": pause_seconds}]
        self.next([{"act": "text", "text": text}, *steps, {"act": "say"}, *ENDING])

    def next_hangs_after(self, text: str) -> None:
        """Say the text and then nothing more, the connection open."""
        self.next([{"act": "text", "text": text}, {"act": "say"}, {"act": "hang"}])

    def next_breaks_after(self, text: str) -> None:
        """Say the text, then reset the connection."""
        self.next([{"act": "text", "text": text}, {"act": "say"}, {"act": "reset"}])

    def drops(self, *models: str) -> None:
        """Offer all models but these, from now on."""
        body = {"dropped": list(models)}
        httpx.post(self._url + "models", json=body, timeout=10).raise_for_status()

    def wait_until_asked(self, seconds: float = 10.0) -> None:
        """Wait until the relay is at work: a script that nobody fetched is the next one's."""
        deadline = time.monotonic() + seconds
        while not self.streams()["open"]:
            assert time.monotonic() < deadline, "the relay was not asked"
            time.sleep(0.02)

    def streams(self) -> Any:
        """List the answers that the relay is writing now."""
        return httpx.get(self._url + "streams", timeout=10).json()
