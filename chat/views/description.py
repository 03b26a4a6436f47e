"""The description of the doors for programs: as a file for tools, which is open as all that it says
stands in the source, and as a page for people."""

from functools import cache

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from accounts.authentication import authenticate_request
from chat.description import described, encoded
from chat.views.door_pages import groups

KEPT_SECONDS = 300


@cache
def _written() -> bytes:
    # Anybody may ask for it, so it is written once.
    return encoded(described()).encode()


@csrf_exempt
@require_safe
def openapi(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Give the OpenAPI description."""
    response = HttpResponse(_written(), content_type="application/json")
    response.headers["Cache-Control"] = f"public, max-age={KEPT_SECONDS}"
    return response


@require_safe
@never_cache
def doors(request: HttpRequest) -> HttpResponseBase:
    """Show every door with its parameters, its refusals and examples."""
    if authenticate_request(request) is None:
        return redirect_to_login(request.get_full_path())
    address = f"{request.scheme}://{request.get_host()}"
    context = {"groups": groups(address), "address": address}
    return render(request, "chat/doors.html", context)
