"""What is shown instead of a page that does not exist."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views import defaults

API_PREFIX = "/api/"


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer programs as the doors do, and people with a page."""
    if request.path.startswith(API_PREFIX):
        message = _("There is no such thing here.")
        return JsonResponse({"error": {"code": "not_found", "message": message}}, status=404)
    return defaults.page_not_found(request, exception)
