"""Open alerts about relays, for the head of the admin's overview."""

from django import template
from django.http import HttpRequest

from chat.admin.administrators import administers
from chat.models import RelayAlert

register = template.Library()
MAX_SHOWN = 5


@register.inclusion_tag("admin/chat/_open_alerts.html")
def open_relay_alerts(request: HttpRequest) -> dict[str, object]:
    """The newest open alerts, for administrators; nothing for anybody else."""
    if not administers(request):
        return {"alerts": [], "number": 0}
    open_ = RelayAlert.objects.filter(closed_at__isnull=True).order_by("-last_seen_at")
    return {"alerts": open_[:MAX_SHOWN], "number": open_.count()}
