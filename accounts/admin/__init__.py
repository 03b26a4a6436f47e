"""People, teams, keys and the audit log in Django's admin."""

from allauth.account.decorators import secure_admin_login
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin

from accounts.admin.audit import AuditEntryAdmin
from accounts.admin.factors import SecondFactorAdmin
from accounts.admin.keys import APIKeyAdmin
from accounts.admin.people import PersonAdmin
from accounts.admin.teams import TeamAdmin
from accounts.models import APIKey, AuditEntry, Team, User

# One way to sign in: with allauth's limits and second factors, not past them.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

admin.site.register(User, PersonAdmin)
admin.site.register(Team, TeamAdmin)
admin.site.register(APIKey, APIKeyAdmin)
admin.site.register(AuditEntry, AuditEntryAdmin)

for unused in (SocialAccount, SocialApp, SocialToken, Authenticator):
    if admin.site.is_registered(unused):
        admin.site.unregister(unused)
admin.site.register(Authenticator, SecondFactorAdmin)
