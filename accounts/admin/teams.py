"""Teams and who is in them."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.db.models import Count, Field, QuerySet
from django.forms import BaseModelFormSet, ModelForm
from django.forms import Field as FormField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_of
from accounts.admin.bases import Refusals
from accounts.models import Membership, Team
from accounts.roles import Role
from accounts.services import teams
from accounts.services.audit import record

MEMBERS = "member_count"


class MembershipForm(ModelForm[Membership]):
    """A membership keeps its person; only the role changes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "user" in self.fields:
            self.fields["user"].disabled = True


class MembersOfTeam(admin.TabularInline[Membership, Team]):
    """The people of a team. A personal team's one person is only shown."""

    model = Membership
    form = MembershipForm
    extra = 0
    fields = ("user", "role", "created_at")
    readonly_fields = ("created_at",)
    autocomplete_fields = ("user",)

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> FormField | None:
        """Offer people to choose, not to change beside the team."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget.can_add_related = False
            field.widget.can_change_related = False
            field.widget.can_view_related = False
        return field

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody joins a personal team."""
        return not (obj and obj.personal) and super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The owner of a personal team stays its owner."""
        return not (obj and obj.personal) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody leaves a personal team."""
        return not (obj and obj.personal) and super().has_delete_permission(request, obj)


class TeamAdmin(Refusals):
    """Teams are never deleted: the ledger goes on naming them."""

    list_display = ("name", "shown_members", "personal", "created_at")
    list_filter = ("personal", "created_at")
    search_fields = ("name", "memberships__user__username", "memberships__user__email")
    date_hierarchy = "created_at"
    readonly_fields = ("id", "personal", "created_at")
    fields = ("name", "id", "personal", "created_at")
    inlines = (MembersOfTeam,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        """Count the members in the same query."""
        rows: QuerySet[Team] = super().get_queryset(request)
        return rows.annotate(**{MEMBERS: Count("memberships", distinct=True)})

    @admin.display(description=_("people"), ordering=MEMBERS)
    def shown_members(self, team: Team) -> int:
        """How many people are in the team."""
        return int(getattr(team, MEMBERS))

    def save_formset(
        self,
        request: HttpRequest,
        form: Any,  # noqa: ARG002
        formset: BaseModelFormSet[Membership, Any],
        change: bool,  # noqa: ARG002
    ) -> None:
        """Let the services change the memberships, so that the admin cannot go past them."""
        formset.save(commit=False)
        actor = actor_of(request)
        for added in formset.new_objects:
            teams.add_member(added.team, added.user, Role(added.role), actor=actor)
        # Owners first: handing a team over in one form must not leave it without one meanwhile.
        changed = [membership for membership, _fields in formset.changed_objects]
        for membership in sorted(changed, key=lambda row: row.role != Role.OWNER):
            teams.change_role(membership.team, membership.user, Role(membership.role), actor=actor)
        for gone in formset.deleted_objects:
            teams.remove_member(gone.team, gone.user, actor=actor)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Store the people of the team; one of them must own it."""
        super().save_related(request, form, formsets, change)
        teams.refuse_ownerless(form.instance)
        if not change:
            record(actor_of(request), "team_opened", form.instance)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Remove its people instead."""
        return False
