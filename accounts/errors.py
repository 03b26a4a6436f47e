"""What can be refused or go wrong with people, teams and keys. The docstring is the message."""

import inspect


class AccountsError(Exception):
    """Something about people or teams went wrong."""

    code = "accounts_error"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or inspect.cleandoc(type(self).__doc__ or self.code))


class LastOwner(AccountsError):
    """A team keeps at least one active owner. Make someone else owner first."""

    code = "last_owner"


class PersonalTeam(AccountsError):
    """A personal team belongs to one person: nobody joins or leaves it."""

    code = "personal_team"


class AlreadyMember(AccountsError):
    """This person is in the team already."""

    code = "already_member"


class NotAMember(AccountsError):
    """This person is not in the team."""

    code = "not_a_member"


class LastAdministrator(AccountsError):
    """The installation keeps at least one active administrator."""

    code = "last_administrator"


class SignupClosed(AccountsError):
    """Sign-up is closed on this installation. Ask an administrator for an account."""

    code = "signup_closed"


class ScopeTooWide(AccountsError):
    """An API key cannot carry this capability."""

    code = "scope_too_wide"


class KeyInvalid(AccountsError):
    """An API key cannot be made like this."""

    code = "key_invalid"


class TooManyKeys(AccountsError):
    """One person cannot have more API keys. Revoke one that is not used any more."""

    code = "too_many_keys"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"One person has at most {limit} API keys. Revoke one that is not used any more."
        )
        self.limit = limit


class KeyMadeBefore(AccountsError):
    """This key was made already, and its text is not shown again."""

    code = "key_made_before"


class KeyDead(AccountsError):
    """This key is revoked or has expired. Make a new one."""

    code = "key_dead"
