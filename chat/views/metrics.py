"""The door at which Prometheus asks."""

import hmac

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from chat.turns.gauges import read_gauges
from chat.turns.metrics import REGISTRY


@require_safe
async def metrics(request: HttpRequest) -> HttpResponse:
    """The metrics of this process, for whoever brings METRICS_TOKEN; no door without one."""
    token: str = settings.METRICS_TOKEN
    if not token:
        raise Http404
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        refusal = HttpResponse(status=401, content_type="text/plain; charset=utf-8")
        refusal.headers["WWW-Authenticate"] = "Bearer"
        return refusal
    await read_gauges()
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)
