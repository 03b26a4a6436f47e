"""Probes for whoever operates the site: is it healthy, does it take new work?"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from chat.crossing import cross
from chat.relay.client import RelayClient
from chat.relay.errors import RelayError
from chat.turns.lifecycle import is_closed, is_draining
from chat.turns.relays import directory

log = structlog.get_logger(__name__)

KEPT_SECONDS = 5.0
"""Anybody may ask, so the relays are asked at most this often."""
PATIENCE_SECONDS = 10.0
"""A relay that has not listed its models by then counts as silent."""


@dataclass
class _Kept:
    """The last report, and when it stops to count (`time.monotonic`)."""

    report: dict[str, Any] = field(default_factory=dict)
    until: float = float("-inf")


_kept = _Kept()


# Nothing changes here: a wrong method is told as such, not as a page that is out of date.
@csrf_exempt
@require_safe
async def health(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    """Ask the relays for their models: 200 with their number if one answers, else 503."""
    if time.monotonic() >= _kept.until:
        _kept.report = await _ask_relays()
        _kept.until = time.monotonic() + KEPT_SECONDS
    healthy = _kept.report["status"] == "healthy"
    return JsonResponse(_kept.report, status=200 if healthy else 503)


@csrf_exempt
@require_safe
async def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 while new work is taken: not while draining, not without the database.

    At a port that other workers serve too, it is taken while this one drains.
    """
    own_port = getattr(request, "scope", {}).get("own_port", False)
    if is_closed() or (own_port and is_draining()):
        return JsonResponse({"status": "draining"}, status=503)
    try:
        await cross(_touch_database)
    except DatabaseError as error:
        log.warning("not_ready", error=type(error).__name__)
        return JsonResponse({"status": "storage_unavailable"}, status=503)
    return JsonResponse({"status": "ready"})


def forget() -> None:
    """Let the next `health` ask again."""
    _kept.until = float("-inf")


async def _ask_relays() -> dict[str, Any]:
    clients = directory().clients
    answers = await asyncio.gather(*(_ask(client) for client in clients))
    models = {model for _, listed, _ in answers for model in listed}
    relays: dict[str, str] = {}
    for name, _, code in answers:
        # A relay with several keys is as well as the best of them.
        if relays.get(name) != "healthy":
            relays[name] = code or "healthy"
    return {
        "status": "healthy" if any(not code for _, _, code in answers) else "unhealthy",
        "models_available": len(models),
        "relays": relays,
    }


async def _ask(client: RelayClient) -> tuple[str, frozenset[str], str]:
    """Return the relay's name, its models, and the code of its failure or nothing."""
    name = client.settings.name
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            listed = await client.models(fresh=True)
    except RelayError as error:
        return name, frozenset(), error.code
    except TimeoutError:
        return name, frozenset(), "relay_timeout"
    return name, frozenset(entry.id for entry in listed.entries), ""


def _touch_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
