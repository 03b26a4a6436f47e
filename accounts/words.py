"""Words shown by account pages that are not in our templates, named for the catalogues.

allauth brings its own translations, but none into Vietnamese; and the message of an error is its
docstring. Whoever collects the texts to translate finds both here.
"""

from django.utils.translation import gettext_noop as _
from django.utils.translation import ngettext_lazy as ngettext

ALLAUTH_ACCOUNT = (
    _("A user is already registered with this email address."),
    _("Add Email"),
    _("Add Email Address"),
    _("Be patient, you are sending too many requests."),
    _("Confirm Access"),
    _("Confirm Email Address"),
    _("Confirmation email sent to %(email)s."),
    _("Current Password"),
    _("Do you really want to remove the selected email address?"),
    _("Email"),
    _("Email Addresses"),
    _("Enter your password:"),
    _("Forgot your password?"),
    _("Incorrect password."),
    _("Invalid login."),
    _("Invalid or expired key."),
    _("Login"),
    _("Make Primary"),
    _("New Password"),
    _("New Password (again)"),
    _("Note"),
    _("Password"),
    _("Password (again)"),
    _("Password successfully changed."),
    _("Password successfully set."),
    _(
        'Please confirm that <a href="mailto:%(email)s">%(email)s</a> is an email address for'
        " user %(user_display)s."
    ),
    _("Please reauthenticate to safeguard your account."),
    _("Please select only one."),
    _("Please type your current password."),
    _("Primary"),
    _("Primary email address set."),
    _("Re-send Verification"),
    _("Set Password"),
    _("Removed email address %(email)s."),
    _("The email address and/or password you specified are not correct."),
    _("The email address is not assigned to any user account."),
    _("The following email addresses are associated with your account:"),
    _("The new value must be different from the current one."),
    _("The password reset token was invalid."),
    _("The username and/or password you specified are not correct."),
    _("This account is currently inactive."),
    _("This email address is already associated with this account."),
    _(
        "This email confirmation link expired or is invalid. Please <a "
        'href="%(email_url)s">issue a new email confirmation request</a>.'
    ),
    _("Too many failed login attempts. Try again later."),
    _("Unable to confirm %(email)s because it is already confirmed by a different account."),
    _("Unverified"),
    _("Use authenticator app or code"),
    _("Use your password"),
    _("Username"),
    _("Username can not be used. Please use other username."),
    _("Username or email"),
    _("Verified"),
    _("Verify Your Email Address"),
    _("Warning:"),
    _(
        "We have sent an email to you for verification. Follow the link provided to finalize "
        "the signup process. If you do not see the verification email in your main inbox, "
        "check your spam folder. Please contact us if you do not receive the verification "
        "email within a few minutes."
    ),
    _("You are already logged in as %(user_display)s."),
    _("You cannot add more than %d email addresses."),
    _("You cannot remove your primary email address (%(email)s)."),
    _("You cannot remove your primary email address."),
    _(
        "You currently do not have any email address set up. You should really add an email "
        "address so you can receive notifications, reset your password, etc."
    ),
    _("You have confirmed %(email)s."),
    _("You must type the same password each time."),
    _("Your primary email address must be verified."),
)
ALLAUTH_SECOND_FACTORS = (
    _("A new set of recovery codes has been generated."),
    _("Activate"),
    _("Activate Authenticator App"),
    _("Add"),
    _("Add Security Key"),
    _("Added on %(created_at)s"),
    _("Alternative options"),
    _("An authenticator app is not active."),
    _("Are you sure you want to remove this security key?"),
    _("Are you sure?"),
    _("Authentication using an authenticator app is active."),
    _("Authenticator App"),
    _("Authenticator app activated."),
    _("Authenticator app deactivated."),
    _("Authenticator code"),
    _("Authenticator secret"),
    _("Backup key"),
    _("Cancel"),
    _("Code"),
    _("Confirm"),
    _("Deactivate"),
    _("Deactivate Authenticator App"),
    _("Download"),
    _("Download codes"),
    _("Edit"),
    _("Edit Security Key"),
    _(
        "Enabling passwordless operation allows you to sign in using just this key, but "
        "imposes additional requirements such as biometrics or PIN protection."
    ),
    _("Enter an authenticator code:"),
    _("Generate"),
    _("Generate new codes"),
    _("I have saved my recovery codes"),
    _("Incorrect code."),
    _("Key"),
    _("Key nr. {number}"),
    _("Last used %(last_used)s"),
    _("Manage"),
    _("Master key"),
    _("No recovery codes set up."),
    _("No security keys have been added."),
    _("Passkey"),
    _("Passwordless"),
    _("Recovery Codes"),
    _("Recovery codes"),
    _("TOTP Authenticator"),
    _("WebAuthn"),
    _("Remove"),
    _("Remove Security Key"),
    _("Save"),
    _("Save them  in a secure location now — they won't be shown again."),
    _("Security Keys"),
    _("Security key"),
    _("Security key added."),
    _("Security key removed."),
    _("Sign In"),
    _("This action will invalidate your existing codes."),
    _("This functionality requires JavaScript."),
    _("This key does not indicate whether it is a passkey."),
    _(
        "To protect your account with two-factor authentication, scan the QR code below with "
        "your authenticator app. Then, input the verification code generated by the app "
        "below."
    ),
    _("Two-Factor Authentication"),
    _("Unspecified"),
    _("Unused codes"),
    _("Usage"),
    _("Use a security key"),
    _("View"),
    _("You are about to deactivate authenticator app based authentication. Are you sure?"),
    _("You are about to generate a new set of recovery codes for your account."),
    _("You can store this secret and use it to reinstall your authenticator app at a later time."),
    _("You cannot activate two-factor authentication until you have verified your email address."),
    _("You cannot add an email address to an account protected by two-factor authentication."),
    _("You cannot deactivate two-factor authentication."),
    _("You cannot generate recovery codes without having two-factor authentication enabled."),
    _(
        "Your account is protected by two-factor authentication. Please enter an "
        "authenticator code:"
    ),
)
ALLAUTH_SESSIONS = (
    _("Browser"),
    _("Current"),
    _("IP Address"),
    _("Last seen at"),
    _("Sessions"),
    _("Sign Out"),
    _("Sign Out Other Sessions"),
    _("Signed out of all other sessions."),
    _("Started At"),
)
ALLAUTH_PLURALS = (
    ngettext(
        "You have added %(count)s security key.",
        "You have added %(count)s security keys.",
        1,
    ),
    ngettext(
        "There is %(unused_count)s out of %(total_count)s recovery codes available.",
        "There are %(unused_count)s out of %(total_count)s recovery codes available.",
        1,
    ),
)
ERRORS = (
    _("Something about people or teams went wrong."),
    _("A team keeps at least one active owner. Make someone else owner first."),
    _("A personal team belongs to one person: nobody joins or leaves it."),
    _("This person is in the team already."),
    _("This person is not in the team."),
    _("The installation keeps at least one active administrator."),
    _("Sign-up is closed on this installation. Ask an administrator for an account."),
    _("An API key cannot carry this capability."),
    _("An API key cannot be made like this."),
    _("One person cannot have more API keys. Revoke one that is not used any more."),
    _("This key was made already, and its text is not shown again."),
    _("This key is revoked or has expired. Make a new one."),
    _("This is not allowed."),
    _("There is no such thing here."),
    _("Your rights have changed meanwhile. Try again."),
    _("Your role in this team does not allow this."),
)
