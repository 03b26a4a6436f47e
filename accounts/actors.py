"""Who acts in an HTTP request, as the audit log names her."""

from allauth.account.adapter import get_adapter
from django.http import HttpRequest

from accounts.models import User
from accounts.services.audit import Actor


def actor_of(request: HttpRequest) -> Actor | None:
    """Return the signed-in person and her address (a proxy's word only where one is trusted)."""
    user = request.user
    if not isinstance(user, User):
        return None
    return Actor(user.pk, user.username, get_adapter(request).get_client_ip(request))
