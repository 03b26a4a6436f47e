"""Who may open a socket: origin, credential, subprotocol, number of sockets."""

import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from django.conf import settings
from django.http import parse_cookie

from accounts.authentication import authenticate
from accounts.models import Team, User
from accounts.policy import NO_TEAM, Principal
from chat.protocol import SUBPROTOCOL, Limits, Person, Ready, TeamView

NOT_SIGNED_IN = 4401
FORBIDDEN_ORIGIN = 4403
LAGGING = 4408
BAD_PROTOCOL = 4409
RESTARTING = 4012
TOO_MANY = 4429

Key = TypeVar("Key")


class Closed(Exception):
    """The socket is refused, with the close code of the protocol."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Greeting:
    """Who opened the socket, as `ready` tells."""

    principal: Principal
    person: Person
    team: TeamView | None


def check_origin(scope: Mapping[str, Any]) -> None:
    """Refuse pages of other origins. A program that brings a bearer key has no origin at all."""
    headers = scope["headers"]
    origins = [value.decode("latin-1") for name, value in headers if name == b"origin"]
    by_key = any(name == b"authorization" for name, _ in headers)
    if by_key and not origins:
        return
    if len(origins) != 1 or origins[0] not in settings.ORIGINS:
        raise Closed(FORBIDDEN_ORIGIN)


def choose_subprotocol(scope: Mapping[str, Any]) -> str | None:
    """Our subprotocol if it is offered, none if none is; refuse a client that speaks another."""
    offered = scope.get("subprotocols") or []
    if SUBPROTOCOL in offered:
        return SUBPROTOCOL
    if offered:
        raise Closed(BAD_PROTOCOL)
    return None


def greet(headers: list[tuple[bytes, bytes]]) -> Greeting:
    """Learn who opens the socket (synchronous: reads the session and the person).

    Raises Closed (4401) when nothing proves a person.
    """
    cookies: dict[str, str] = {}
    for name, value in headers:
        if name == b"cookie":
            cookies |= parse_cookie(value.decode("latin-1"))
    key = cookies.get(settings.SESSION_COOKIE_NAME)
    session = import_module(settings.SESSION_ENGINE).SessionStore(key) if key else None
    principal = authenticate(headers, session)
    if principal is None:
        raise Closed(NOT_SIGNED_IN)
    user = User.objects.get(pk=principal.user_id)
    return Greeting(
        principal, Person(user.pk, user.get_full_name() or user.username), _team_of(principal)
    )


def _team_of(principal: Principal) -> TeamView | None:
    if principal.team_id == NO_TEAM:
        return None
    team = Team.objects.get(pk=principal.team_id)
    return TeamView(team.pk, team.name, principal.roles[team.pk].value)


def ready_event(greeting: Greeting) -> Ready:
    """What a client is told first."""
    sockets, turns = settings.SOCKETS, settings.TURNS
    return Ready(
        protocol=SUBPROTOCOL,
        user=greeting.person,
        team=greeting.team,
        connection=uuid.uuid4().hex,
        limits=Limits(
            max_message_characters=turns.max_message_characters,
            max_frame_bytes=sockets.max_frame_bytes,
            ack_window_bytes=sockets.ack_window_bytes,
            ack_interval_ms=500,
            ack_interval_bytes=65_536,
        ),
        heartbeat_seconds=sockets.heartbeat_seconds,
    )


def _of_pages() -> tuple[int, int]:
    return settings.SOCKETS.max_sockets_per_person, settings.SOCKETS.max_sockets_per_address


class SocketCount:
    """Counts the open sockets of this process by person and by address."""

    def __init__(self, limits: Callable[[], tuple[int, int]] = _of_pages) -> None:
        """`limits()` says how many one person and one address may have."""
        self._limits = limits
        self._people: Counter[int] = Counter()
        self._addresses: Counter[str] = Counter()

    def enter(self, person_id: int, address: str) -> None:
        """Count a socket, or raise Closed (4429) when there are too many."""
        of_person, of_address = self._limits()
        if self._people[person_id] >= of_person or self._addresses[address] >= of_address:
            raise Closed(TOO_MANY)
        self._people[person_id] += 1
        self._addresses[address] += 1

    def leave(self, person_id: int, address: str) -> None:
        """A counted socket closed."""
        _count_down(self._people, person_id)
        _count_down(self._addresses, address)


def _count_down(counter: Counter[Key], key: Key) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]


sockets = SocketCount()
