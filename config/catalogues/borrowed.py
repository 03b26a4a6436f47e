"""Words of packages that our pages show and that the packages do not say in Vietnamese.

Named here, they are found and kept like our own. allauth's are in `accounts.words`.
"""

from django.utils.translation import gettext_noop as _
from django.utils.translation import ngettext_lazy as ngettext
from django.utils.translation import npgettext_lazy as npgettext

ADMIN = (
    _("Add link"),
    _("Added:"),
    _("After you’ve created a user, you’ll be able to edit more user options."),
    _("Breadcrumbs"),
    _("Change or view list link"),
    _("Changed:"),
    _("Deleted:"),
    _("Disable password-based authentication"),
    _("Enable password-based authentication"),
    _("Error:"),
    _("Filter navigation items"),
    _("Hide counts"),
    _("Model name"),
    _("Select all objects on this page for an action"),
    _("Select this object for an action - {}"),
    _("Set password"),
    _("Show counts"),
    _("Sidebar"),
    _("Skip to main content"),
    _("Toggle navigation"),
    _("Toggle theme (current theme: auto)"),
    _("Toggle theme (current theme: dark)"),
    _("Toggle theme (current theme: light)"),
    _("View selected %(model)s"),
)
PASSWORDS = (
    _("Disabled"),
    _("Enable password-based authentication for this user by setting a password."),
    _("Enabled"),
    _(
        "Enter a valid username. This value may contain only unaccented lowercase a-z and "
        "uppercase A-Z letters, numbers, and @/./+/-/_ characters."
    ),
    _("Password-based authentication was disabled."),
    _("Password-based authentication"),
    _("Raw passwords are not stored, so there is no way to see the user’s password."),
    _("Reset password"),
    _("Set password: %s"),
    _(
        "Whether the user will be able to authenticate using a password or not. If disabled, they "
        "may still be able to authenticate using other backends, such as Single Sign-On or LDAP."
    ),
)
# Django's word for sets of permissions is, in Vietnamese, ours for teams.
PERMISSIONS = (_("group"), _("groups"))
FORMS = (
    _("Enter a complete value."),
    _("Enter a valid JSON."),
    _("Enter a valid UUID."),
    _("Enter a valid duration."),
    _("Null characters are not allowed."),
    _("The inline value did not match the parent instance."),
    _("“%(pk)s” is not a valid value."),
    _("“%(value)s” is not a valid UUID."),
)
EXPORT = (
    _("Export"),
    _("Export selected %(verbose_name_plural)s"),
    _("Format"),
    _("Resource"),
    _("Select all"),
    _("Submit"),
    _("This exporter will export the following fields: "),
)
COUNTED = (
    ngettext(
        "This password is too short. It must contain at least %d character.",
        "This password is too short. It must contain at least %d characters.",
        1,
    ),
    ngettext("%(num)d year", "%(num)d years", 1),
    ngettext("%(num)d month", "%(num)d months", 1),
    ngettext("%(num)d week", "%(num)d weeks", 1),
    ngettext("%(num)d day", "%(num)d days", 1),
    ngettext("%(num)d hour", "%(num)d hours", 1),
    ngettext("%(num)d minute", "%(num)d minutes", 1),
)
AGO = (
    _("%(delta)s ago"),
    npgettext("naturaltime-past", "%(num)d year", "%(num)d years", 1),
    npgettext("naturaltime-past", "%(num)d month", "%(num)d months", 1),
    npgettext("naturaltime-past", "%(num)d week", "%(num)d weeks", 1),
    npgettext("naturaltime-past", "%(num)d day", "%(num)d days", 1),
    npgettext("naturaltime-past", "%(num)d hour", "%(num)d hours", 1),
    npgettext("naturaltime-past", "%(num)d minute", "%(num)d minutes", 1),
)
ALLAUTH_ADMIN = (
    _("Accounts"),
    _("MFA"),
    _("User Sessions"),
    _("email address"),
    _("email addresses"),
    _("primary"),
    _("user"),
    _("verified"),
)
