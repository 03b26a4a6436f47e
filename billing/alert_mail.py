"""Spend alerts by mail: to those who answer for the team, each in her own language."""

from dataclasses import dataclass
from smtplib import SMTPServerDisconnected
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.languages import speaks
from accounts.models import Team, User
from accounts.roles import CAPABILITIES, Capability
from billing.models import Budget, SpendAlert
from billing.money import format_usd
from billing.owners import owner_of
from billing.spend_alerts import FULL_PERCENT

MANAGERS = [role for role, may in CAPABILITIES.items() if Capability.MANAGE_BUDGET in may]


@dataclass(frozen=True)
class Recipient:
    """Where a mail goes, and in which language."""

    address: str
    language: str


def recipients(team: Team | None) -> list[Recipient]:
    """The team's owners and admins with a verified address, and the installation's staff.

    Of a personal team its owner alone; of the installation (None) its staff alone.
    """
    found: dict[str, str] = {}
    if team is None or not team.personal:
        staff = User.objects.filter(is_staff=True, is_active=True).exclude(email="")
        found |= dict(staff.values_list("email", "language"))
    if team is not None:
        verified = EmailAddress.objects.filter(
            verified=True,
            primary=True,
            user__is_active=True,
            user__memberships__team=team,
            user__memberships__role__in=MANAGERS,
        )
        found |= dict(verified.values_list("email", "user__language"))
    unlike = {address.casefold(): address for address in found}
    return [
        Recipient(address, found[address] if speaks(found[address]) else settings.LANGUAGE_CODE)
        for address in sorted(unlike.values())
    ]


def send_mails(alert: SpendAlert) -> str:
    """Send an alert to each who is to know; returns what went wrong, in a word, or nothing.

    An address that the mail server refuses keeps nobody else's mail back.
    """
    told = recipients(alert.budget.team)
    if not told:
        return "nobody with a verified address"
    error = ""
    try:
        with get_connection() as connection:
            for recipient in told:
                error = _send(_mail_to(recipient, alert, connection)) or error
    except Exception as gone:
        # Never its text: mail servers repeat addresses in it, and more.
        error = type(gone).__name__
    return error


def _send(mail: EmailMessage) -> str:
    """Send one mail; returns what was wrong with it. Raises what is wrong with the server."""
    try:
        mail.send()
    except (SMTPServerDisconnected, ConnectionError, TimeoutError):
        raise
    except Exception as refused:
        return type(refused).__name__
    return ""


def _mail_to(recipient: Recipient, alert: SpendAlert, connection: Any) -> EmailMessage:
    with override(recipient.language):
        return EmailMessage(
            subject_of(alert), body_of(alert), to=[recipient.address], connection=connection
        )


def subject_of(alert: SpendAlert) -> str:
    """One line in the language in force."""
    words = {"whose": owner_of(alert.budget), "percent": alert.percent}
    subject = settings.ACCOUNT_EMAIL_SUBJECT_PREFIX + _("%(whose)s: %(percent)d %% used") % words
    return " ".join(subject.split())


def body_of(alert: SpendAlert) -> str:
    """The mail's text in the language in force."""
    budget = alert.budget
    words = {
        "whose": owner_of(budget),
        "used": format_usd(alert.used_nano_usd),
        "bound": format_usd(alert.bound_nano_usd),
    }
    if budget.limit_id is None:
        first = _("%(whose)s: %(used)s of %(bound)s credit are used.") % words
    else:
        first = _("%(whose)s: %(used)s of the limit of %(bound)s are used.") % words
    lines = [first, _("This includes what answers under way may cost at most.")]
    if budget.period_start is not None:
        day = date_format(budget.period_start, "DATE_FORMAT")
        lines.append(_("The limit counts since %(day)s and then starts afresh.") % {"day": day})
    return "\n\n".join([*lines, _consequence(budget, alert.percent)]) + "\n"


def _consequence(budget: Budget, percent: int) -> str:
    if not budget.is_hard:
        return _("This limit only warns: no message is refused.")
    if budget.limit_id is not None:
        return _("A message that does not fit is refused, until the limit starts afresh or rises.")
    if percent < FULL_PERCENT:
        return _("When nothing is left, messages are refused until the team gets more credit.")
    return _(
        "Messages are refused until the team gets more credit: an administrator gives it, or an "
        "owner or admin of the team redeems a code."
    )
