"""What accounts does when Django or allauth report something."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.signals import password_changed, password_reset, password_set
from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.models import User
from accounts.services.audit import Actor, record
from accounts.signals import RightsChange, announce


@receiver(user_logged_out, dispatch_uid="accounts.end_connections_of_the_session")
def end_connections_of_the_session(request: HttpRequest, user: User | None, **_rest: Any) -> None:
    """Announce that one session ended; the person's other sessions go on."""
    session_key = request.session.session_key
    if user is not None and session_key:
        announce(RightsChange(user.pk, "signed_out", credential=session_key))


@receiver((password_changed, password_reset, password_set), dispatch_uid="accounts.audit_password")
def audit_password(request: HttpRequest, user: User, **_rest: Any) -> None:
    """Record that a person renewed her own password; `User.save` has announced it."""
    ip = get_adapter(request).get_client_ip(request)
    record(Actor(user.pk, user.username, ip), "password_renewed", user)
