"""The description of the doors for programs: as a file for tools. It is open: all that it says
stands in the source."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from chat.description import described, encoded

KEPT_SECONDS = 300


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Give the OpenAPI description."""
    response = HttpResponse(encoded(described()), content_type="application/json")
    response.headers["Cache-Control"] = f"public, max-age={KEPT_SECONDS}"
    return response
