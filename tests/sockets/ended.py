"""How many connections a server says it ended, and why."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.servers import TramServer

TOKEN = "for-tests-only-0123456789"


def ended(server: TramServer, reason: str) -> float:
    """How many connections the server says it ended for `reason`."""
    answer = httpx.get(f"{server.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    values = (
        sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == "tram_connections_ended_total" and sample.labels["reason"] == reason
    )
    return next(values, 0.0)
