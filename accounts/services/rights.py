"""Taking rights away so that everything opened with them notices."""

from django.db.models import F

from accounts.models import User
from accounts.signals import Reason, RightsChange, announce


def shrink(user_id: int, reason: Reason) -> None:
    """Make every older principal of the person stale, and announce it after the commit."""
    User.objects.filter(pk=user_id).update(auth_version=F("auth_version") + 1)
    announce(RightsChange(user_id, reason))
