"""The one way to learn who acts, for every door: HTTP, server-sent events and sockets."""

from collections.abc import Iterable
from importlib import import_module

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY
from django.contrib.auth import SESSION_KEY as USER_SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from accounts.models import User
from accounts.policy import Principal
from accounts.services.current_team import current_team
from accounts.services.principals import (
    principal_for_api_key,
    principal_for_key_id,
    principal_for_user,
)


def authenticate(
    headers: Iterable[tuple[bytes, bytes]], session: SessionBase | None
) -> Principal | None:
    """Return the principal proven by a request's headers or session; None if nothing proves one.

    `headers` as in an ASGI scope (names in any case); `session` as loaded from the cookie. An
    `Authorization` header decides alone: a bad one is never made good by a cookie. Disabled
    people, revoked and expired keys and sessions older than the password prove nothing.
    """
    claims = [value for name, value in headers if name.lower() == b"authorization"]
    if claims:
        secret = _bearer(claims)
        return principal_for_api_key(secret) if secret else None
    return _principal_of_session(session) if session is not None else None


def authenticate_request(request: HttpRequest) -> Principal | None:
    """Return the principal of an HTTP request; see `authenticate`."""
    claim = request.META.get("HTTP_AUTHORIZATION")
    headers = [] if claim is None else [(b"authorization", claim.encode("latin-1", "replace"))]
    return authenticate(headers, getattr(request, "session", None))


def revalidate(principal: Principal) -> Principal | None:
    """Look again whether the credential of `principal` still holds, and with which rights.

    For long-lived connections. None: close it. Keeps the current team where still allowed.
    """
    if principal.via == "api_key":
        return principal_for_key_id(int(principal.credential))
    session = import_module(settings.SESSION_ENGINE).SessionStore(principal.credential)
    return _principal_of_session(session)


def _bearer(claims: list[bytes]) -> str | None:
    if len(claims) != 1:
        return None
    scheme, _, secret = claims[0].decode("latin-1").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def _principal_of_session(session: SessionBase) -> Principal | None:
    user = _user_of(session)
    if user is None:
        return None
    return principal_for_user(user, current_team(session), session_key=session.session_key or "")


def _user_of(session: SessionBase) -> User | None:
    """Read whom the session belongs to, as Django's own, but without writing anything."""
    user_id = session.get(USER_SESSION_KEY)
    if user_id is None or session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        return None
    proof = session.get(HASH_SESSION_KEY) or ""
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return user if any(constant_time_compare(proof, known) for known in hashes) else None
