"""What is shown instead of a page that does not exist, or cannot be made now."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views import defaults

API_PREFIX = "/api/"
RETRY_SECONDS = 5


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer programs as the doors do, and people with a page."""
    if request.path.startswith(API_PREFIX):
        message = _("There is no such thing here.")
        return JsonResponse({"error": {"code": "not_found", "message": message}}, status=404)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer while the error is handled. A database that is away is no error of the site: 503, to
    people with a page that asks again by itself."""
    if not isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return defaults.server_error(request)
    message = _("The database does not answer right now. Try again in a moment.")
    if request.path.startswith(API_PREFIX):
        error = {"code": "storage_unavailable", "message": message}
        response: HttpResponse = JsonResponse({"error": error}, status=503)
    else:
        # Without the request, of which the database would tell who it is.
        context = {"retry_seconds": RETRY_SECONDS, "storage": message}
        response = HttpResponse(render_to_string("503.html", context), status=503)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    response.headers["Cache-Control"] = "no-store"
    return response
