"""What is told to groups of sockets: rights and lists that changed, and words to one person.

It is told once and may get lost: a socket therefore reads its rights again by itself every
REVALIDATE_SECONDS, and a page its list whenever it reconnects.
"""

from typing import Any
from uuid import UUID

import msgspec
import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import Error as DatabaseError

from accounts.policy import Principal, allows
from accounts.roles import Capability
from accounts.signals import RightsChange, rights_changed
from chat.consumers.company import group_of
from chat.consumers.exchange import PROCESSES, newest
from chat.consumers.refusals import error_event
from chat.consumers.switchboard import Handler, Message, Switchboard
from chat.protocol import Accepted, ConversationChanged, Error, RoleChanged, encode_event
from chat.services.advancing import drop_unentitled
from chat.services.announcements import (
    Announcement,
    ConversationChange,
    LeftLine,
    LineChange,
    subscribe,
)
from chat.services.intents import Admitted

log = structlog.get_logger(__name__)


class Listening:
    """Which groups one connection listens to."""

    def __init__(self, switchboard: Switchboard, handler: Handler) -> None:
        self._switchboard = switchboard
        self._handler = handler
        self._groups: set[str] = set()

    async def follow(self, principal: Principal) -> None:
        """Listen to what `principal` may hear, and to nothing else any more.

        Without the channel layer the socket still serves, and hears its own process.
        """
        teams = {
            _team_group(team_id)
            for team_id in principal.roles
            if allows(principal, Capability.READ_CONVERSATION, team_id)
        }
        wanted = {_person_group(principal.user_id), *teams}
        if wanted == self._groups:
            return
        for group in self._groups - wanted:
            self._switchboard.leave(group, self._handler)
        for group in wanted - self._groups:
            self._switchboard.listen(group, self._handler)
        self._groups = wanted
        await self._switchboard.joined()

    def leave(self) -> None:
        """Listen to nothing any more."""
        for group in self._groups:
            self._switchboard.leave(group, self._handler)
        self._groups.clear()


def conversation_event(message: Message) -> ConversationChanged:
    """The event that a message to a team stands for."""
    return ConversationChanged(
        conversation=UUID(message["conversation"]),
        change=message["change"],
        title=message.get("title"),
    )


def role_changes(before: Principal, now: Principal) -> list[RoleChanged]:
    """The events that tell a person of her new roles."""
    roles = {team_id: now.roles.get(team_id) for team_id in before.roles.keys() | now.roles.keys()}
    return [
        RoleChanged(team_id, role and role.value)
        for team_id, role in roles.items()
        if role != before.roles.get(team_id)
    ]


def personal_event(message: Message) -> Accepted | Error:
    """The event that a message to a person stands for."""
    return msgspec.json.decode(message["event"], type=Accepted | Error)


def accepted_event(id: UUID, admitted: Admitted) -> Accepted:
    """What the person is told whose turn was admitted; `id` is that of her command."""
    return Accepted(
        id=id,
        conversation=admitted.conversation_id,
        user_message=admitted.user_message_id,
        assistant_message=admitted.assistant_message_id,
        turn=admitted.turn_id,
        epoch=admitted.epoch,
        model=admitted.model,
        hold_nano_usd=admitted.hold_nano_usd,
    )


def _person_group(user_id: int) -> str:
    return f"person.{user_id}"


def _team_group(team_id: UUID) -> str:
    return f"team.{team_id.hex}"


def _on_rights_changed(change: RightsChange, **_rest: Any) -> None:
    message = {"type": "rights", "credential": change.credential}
    _send(_person_group(change.user_id), message)
    if change.reason in ("standing_changed", "member_removed", "api_key_revoked"):
        _send(PROCESSES, {"type": "unwanted"})
    if change.reason in ("standing_changed", "role_changed", "member_removed", "api_key_revoked"):
        try:
            drop_unentitled(change.user_id)
        except DatabaseError as error:
            # They are refused when it is their turn.
            log.warning("waiting_not_dropped", error=type(error).__name__)


def _on_announcement(announcement: Announcement) -> None:
    if isinstance(announcement, ConversationChange):
        message = {
            "type": "conversation",
            "conversation": str(announcement.conversation_id),
            "change": announcement.change,
            "title": announcement.title,
        }
        _send(_team_group(announcement.team_id), message)
        if announcement.change == "deleted":
            _send(PROCESSES, {"type": "unwanted"})
    elif isinstance(announcement, LineChange):
        message = {"type": "line", "conversation": str(announcement.conversation_id)}
        _send(group_of(announcement.conversation_id), message)
    elif isinstance(announcement, LeftLine):
        event = encode_event(_event_of(announcement))
        _send(_person_group(announcement.person_id), {"type": "event", "event": event})


def _event_of(left: LeftLine) -> Accepted | Error:
    if left.admitted is not None:
        return accepted_event(left.client_id, left.admitted)
    assert left.refusal is not None
    error = error_event(left.refusal, id=left.client_id)
    # The text goes back to her, in whichever tab she is.
    mine = {"conversation": str(left.conversation_id), "content": left.content}
    return msgspec.structs.replace(error, detail={**(error.detail or {}), **mine})


def _send(group: str, message: Message) -> None:
    """Tell a group, from any thread."""
    here = newest()
    if here is not None:
        here.loop.call_soon_threadsafe(here.switchboard.say, group, message)
    elif settings.SITE.redis_url and (layer := get_channel_layer()) is not None:
        # A management command: the sockets are in other processes, behind Redis.
        told = {"type": "told", "from": "", "group": group, "message": message}
        async_to_sync(layer.group_send)(group, told)


rights_changed.connect(_on_rights_changed, dispatch_uid="chat.sockets")
subscribe(_on_announcement)
