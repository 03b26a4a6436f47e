"""What a process that restarts answers, when no other one can answer in its place."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.decorators import sync_and_async_middleware
from django.utils.translation import gettext as _

from chat.turns.lifecycle import is_closed
from chat.views.failures import API_PREFIX

RETRY_SECONDS = 3
PROBES = ("/ready", "/health", "/metrics")


@sync_and_async_middleware
def say_that_it_restarts(
    get_response: Callable[[HttpRequest], Any],
) -> Callable[[HttpRequest], Any]:
    """While this process drains, and nobody else stands behind its address: 503 for everything but
    probes and static files. A proxy may then ask another server; a page asks again by itself."""

    def is_refused(request: HttpRequest) -> bool:
        return is_closed() and request.path not in PROBES

    if iscoroutinefunction(get_response):

        async def answer(request: HttpRequest) -> HttpResponse:
            if is_refused(request):
                return restarting(request)
            response: HttpResponse = await get_response(request)
            return response

    else:

        def answer(request: HttpRequest) -> HttpResponse:  # type: ignore[misc]
            if is_refused(request):
                return restarting(request)
            response: HttpResponse = get_response(request)
            return response

    return answer


def restarting(request: HttpRequest) -> HttpResponse:
    """Say so: to programs as the doors do, to people with a page that asks again."""
    message = _("The server is restarting. Your text is kept; it reconnects by itself.")
    if request.path.startswith(API_PREFIX):
        error = {"code": "restarting", "message": message, "retry_after_seconds": RETRY_SECONDS}
        response: HttpResponse = JsonResponse({"error": error}, status=503)
    else:
        response = render(request, "503.html", {"retry_seconds": RETRY_SECONDS}, status=503)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    response.headers["Cache-Control"] = "no-store"
    return response
