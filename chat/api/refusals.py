"""Every refusal as `{"error": {"code", "message"}}` with its status."""

from functools import partial, singledispatch
from math import ceil
from typing import Any, NamedTuple

import structlog
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.http.multipartparser import InputStreamExhausted, MultiPartParserError
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.operation import PathView

from accounts.policy import Forbidden, NotVisible
from chat.api.credentials import CsrfRefused
from chat.queries import CursorInvalid
from chat.relay.errors import RelayError
from chat.services.errors import Refused, StorageUnavailable

log = structlog.get_logger(__name__)

STATUSES = {
    "bad_frame": 400,
    "model_unknown": 400,
    "not_signed_in": 401,
    "budget_exhausted": 402,
    "forbidden": 403,
    "csrf_failed": 403,
    "model_not_allowed": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "idempotency_mismatch": 409,
    "too_many_turns": 429,
    "rate_limited": 429,
    "internal_error": 500,
    "relay_auth": 502,
    "relay_error": 502,
    "relay_protocol": 502,
    "relay_unavailable": 502,
    "relay_rate_limited": 503,
    "restarting": 503,
    "storage_unavailable": 503,
    "relay_timeout": 504,
}
"""The HTTP status of each code; a code not named here is a 400."""


class Refusal(NamedTuple):
    """What a caller is told."""

    code: str
    message: str
    detail: dict[str, Any] | None = None


def install(api: NinjaAPI) -> None:
    """Let `api` answer with a refusal whatever its doors raise, and what no door is for. Its
    routers have been added."""

    def refuse(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
        assert isinstance(error, Exception)
        code, message, detail = explain(error)
        told = {"code": code, "message": message} | ({"detail": detail} if detail else {})
        response = api.create_response(request, {"error": told}, status=STATUSES.get(code, 400))
        if seconds := getattr(error, "retry_after_seconds", None):
            response["Retry-After"] = str(ceil(seconds))
        return response

    for router in api._get_bound_routers():
        for view in router.path_operations.values():
            view._not_allowed = partial(_not_allowed, view)  # type: ignore[method-assign]
    # The first four are named because ninja has handlers of its own for them.
    for kind in (AuthenticationError, HttpError, ValidationError, Http404, Exception):
        api.add_exception_handler(kind, refuse)


def _not_allowed(view: PathView) -> HttpResponse:
    allowed = sorted({method for operation in view.operations for method in operation.methods})
    told = {
        "code": "method_not_allowed",
        "message": _("This method is not for this address."),
    }
    response = JsonResponse({"error": told}, status=STATUSES[told["code"]])
    response["Allow"] = ", ".join(allowed)
    return response


@singledispatch
def explain(error: Exception) -> Refusal:
    """Return what to tell the caller about `error`; what nobody foresaw is logged."""
    log.error("api_failed", error=type(error).__name__, exc_info=error)
    message = _(
        "Something went wrong on the server. Try again; if it stays, tell an administrator."
    )
    return Refusal("internal_error", message)


@explain.register
def _not_signed_in(_error: AuthenticationError) -> Refusal:
    return Refusal("not_signed_in", _("Sign in first."))


@explain.register(NotVisible)
@explain.register(Http404)
def _not_found(_error: Exception) -> Refusal:
    return Refusal("not_found", _("There is no such thing here."))


@explain.register
def _forbidden(error: Forbidden) -> Refusal:
    if error.scope is not None:
        return Refusal("forbidden", str(error))
    return Refusal("forbidden", _("Your role in this team does not allow this."))


@explain.register
def _foreign_page(error: CsrfRefused) -> Refusal:
    return Refusal(error.code, _("This page is out of date. Reload it and try again."))


@explain.register
def _refused(error: Refused) -> Refusal:
    return Refusal(error.code, error.message, error.detail)


@explain.register
def _bad_cursor(error: CursorInvalid) -> Refusal:
    return Refusal(error.code, str(error), {"path": "$.before"})


@explain.register
def _malformed(error: ValidationError) -> Refusal:
    first = error.errors[0]
    # Ninja names its own parameter between the source and the field.
    place = first["loc"][2:] or first["loc"][1:]
    path = ".".join(["$", *(str(part) for part in place)])
    return Refusal("bad_frame", str(first["msg"]), {"path": path})


@explain.register
def _http_error(error: HttpError) -> Refusal:
    # Ninja's own, such as a body that is not JSON.
    return Refusal("bad_frame", str(error))


@explain.register
def _too_big(_error: RequestDataTooBig) -> Refusal:
    return Refusal("bad_frame", "The request body is too large.")


@explain.register(BadRequest)
@explain.register(InputStreamExhausted)
@explain.register(MultiPartParserError)
@explain.register(SuspiciousOperation)
@explain.register(UnreadablePostError)
def _not_a_form(_error: Exception) -> Refusal:
    return Refusal("bad_frame", "The request body is no form that can be read.")


@explain.register
def _relay_failed(error: RelayError) -> Refusal:
    # The relay's own words may name what only administrators should know.
    log.warning("api_relay_failed", code=error.code)
    return Refusal(error.code, _("The relay did not answer. Try again."))


@explain.register
def _storage_failed(error: DatabaseError) -> Refusal:
    log.error("api_storage_failed", error=type(error).__name__, exc_info=error)
    message = _("Tram cannot store anything just now. Try again in a minute.")
    return Refusal(StorageUnavailable.code, message)
