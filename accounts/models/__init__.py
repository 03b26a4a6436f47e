"""Tables of people, teams, keys and the audit log."""

from accounts.models.audit import AuditEntry
from accounts.models.installation import Installation
from accounts.models.keys import APIKey
from accounts.models.people import User
from accounts.models.teams import Membership, Team

__all__ = ["APIKey", "AuditEntry", "Installation", "Membership", "Team", "User"]
