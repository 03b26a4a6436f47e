"""People: their standing, their teams."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_of
from accounts.admin.bases import Refusals
from accounts.models import Membership, Team, User
from accounts.services import people
from accounts.services.audit import record

STANDING = ("is_active", "is_staff", "is_superuser")
POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


class TeamsOfPerson(admin.TabularInline[Membership, User]):
    """Her teams, to read; they are changed on the team's own page."""

    model = Membership
    extra = 0
    fields = readonly_fields = ("team", "role", "created_at")
    can_delete = False
    show_change_link = False
    verbose_name_plural = _("teams")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Joining happens on the team's page."""
        return False


class PersonAdmin(Refusals, UserAdmin[User]):
    """People are disabled, never deleted: conversations and the ledger go on naming them."""

    list_display = ("username", "email", "shown_name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "memberships__team")
    date_hierarchy = "date_joined"
    search_fields = ("username", "email", "first_name", "last_name")
    inlines = (TeamsOfPerson,)
    readonly_fields = ("last_login", "date_joined", "auth_version")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email", "language", "theme")}),
        (_("Standing"), {"fields": (*STANDING, "groups", "user_permissions")}),
        (_("Dates"), {"fields": ("last_login", "date_joined", "auth_version")}),
    )

    @admin.display(description=_("name"), ordering="first_name")
    def shown_name(self, person: User) -> str:
        """The full name, or nothing."""
        return person.get_full_name()

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Show teams only of a person who exists."""
        return super().get_inlines(request, obj) if obj is not None else ()

    def save_model(
        self, request: HttpRequest, obj: User, form: ModelForm[User], change: bool
    ) -> None:
        """Store a person; her standing goes by the service, which keeps its promises."""
        actor = actor_of(request)
        if not change:
            super().save_model(request, obj, form, change)
            Team.objects.open_personal(obj.pk, obj.display_name)
            record(actor, "person_created", obj)
            return
        wanted = {name: bool(getattr(obj, name)) for name in STANDING}
        stored = User.objects.get(pk=obj.pk)
        for name in STANDING:
            setattr(obj, name, getattr(stored, name))
        super().save_model(request, obj, form, change)
        people.set_standing(obj, **wanted, actor=actor)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Filter by team without listing a person twice."""
        return super().get_queryset(request).distinct()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Let only administrators make others staff, or give them permissions."""
        shown = super().get_readonly_fields(request, obj)
        return shown if request.user.is_superuser else (*shown, *POWERS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Staff who are no administrators change ordinary people only, or could become anybody."""
        ordinary = obj is None or not (obj.is_staff or obj.is_superuser)
        allowed = super().has_change_permission(request, obj)
        return allowed and (ordinary or bool(request.user.is_superuser))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Disable her instead."""
        return False
