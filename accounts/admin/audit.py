"""The audit log, to read."""

from accounts.admin.bases import ReadOnly


class AuditEntryAdmin(ReadOnly):
    """Entries, newest first. The database itself refuses to change them."""

    list_display = ("at", "actor", "action", "object_kind", "object_name", "ip")
    list_filter = ("action", "object_kind", "at")
    search_fields = ("actor", "object_name", "object_id", "ip")
    date_hierarchy = "at"
