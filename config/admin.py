"""Which admin site the project uses."""

from django.contrib.admin.apps import AdminConfig


class TramAdminConfig(AdminConfig):
    """Django's admin with Tram's site: it opens with the overview."""

    default_site = "billing.admin_site.TramAdminSite"
