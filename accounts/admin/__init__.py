"""People, teams, keys and the audit log in Django's admin."""

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin

from accounts.admin.audit import AuditEntryAdmin
from accounts.admin.factors import SecondFactorAdmin
from accounts.admin.keys import APIKeyAdmin
from accounts.admin.logins import EmailAddressAdmin, SessionAdmin
from accounts.admin.people import PersonAdmin
from accounts.admin.teams import TeamAdmin
from accounts.models import APIKey, AuditEntry, Team, User

# One way to sign in: with allauth's limits and second factors, not past them.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

admin.site.register(User, PersonAdmin)
admin.site.register(Team, TeamAdmin)
admin.site.register(APIKey, APIKeyAdmin)
admin.site.register(AuditEntry, AuditEntryAdmin)

for theirs in (SocialAccount, SocialApp, SocialToken, Authenticator, EmailAddress, UserSession):
    if admin.site.is_registered(theirs):
        admin.site.unregister(theirs)
admin.site.register(Authenticator, SecondFactorAdmin)
admin.site.register(EmailAddress, EmailAddressAdmin)
admin.site.register(UserSession, SessionAdmin)
