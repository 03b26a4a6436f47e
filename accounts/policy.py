"""The one policy: who may do what. Pure decisions over plain values; every door asks here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from accounts.errors import AccountsError
from accounts.roles import CAPABILITIES, Capability, Role

NO_TEAM = UUID(int=0)
"""The current team of a person without any membership: nothing is ever found in it."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts, as proven by one credential at one moment.

    `roles` holds every team the credential reaches; `team_id` is the current one. `capabilities`
    narrows what the roles allow (an API key's scope); None narrows nothing. `auth_version` is the
    person's at that moment: a higher one in the database makes this principal stale.
    `credential` is the session key or the API key's id, for looking again whether it still holds.
    `models` are those that an API key may ask; None: any.
    """

    user_id: int
    username: str
    team_id: UUID
    roles: Mapping[UUID, Role]
    auth_version: int
    via: Literal["session", "api_key"]
    is_staff: bool = False
    capabilities: frozenset[Capability] | None = None
    credential: str = field(default="", repr=False)
    models: frozenset[str] | None = None

    @property
    def api_key_id(self) -> int | None:
        """The API key by which the principal was proven; None: by a session."""
        return int(self.credential) if self.via == "api_key" else None


class PolicyRefusal(AccountsError):
    """This is not allowed."""


class NotVisible(PolicyRefusal):
    """There is no such thing here."""

    code = "not_found"


class Forbidden(PolicyRefusal):
    """Your role in this team does not allow this."""

    code = "forbidden"

    def __init__(self, message: str = "", *, scope: Capability | None = None) -> None:
        """`scope` is what the role allows and the API key does not: programs are told which."""
        if scope is not None:
            message = f"This API key has not the scope {scope.value}. Use a key that has it."
        super().__init__(message)
        self.scope = scope


class StaleRights(PolicyRefusal):
    """Your rights have changed meanwhile. Try again."""

    code = "forbidden"


def allows(principal: Principal, capability: Capability, team_id: UUID) -> bool:
    """Return whether `principal` may use `capability` on things of team `team_id`."""
    role = principal.roles.get(team_id)
    if role is None or capability not in CAPABILITIES[role]:
        return False
    return principal.capabilities is None or capability in principal.capabilities


def require(principal: Principal, capability: Capability, team_id: UUID) -> None:
    """Do nothing if `allows`; otherwise refuse.

    Raises:
        NotVisible: the principal has no membership in the team. Doors answer as for a thing
            that does not exist, so that ids cannot be probed.
        Forbidden: the principal is in the team, but the role is too small, or the scope
            of the key, which is then named.
    """
    if team_id not in principal.roles:
        raise NotVisible
    if allows(principal, capability, team_id):
        return
    if capability in CAPABILITIES[principal.roles[team_id]]:
        raise Forbidden(scope=capability)
    raise Forbidden
