"""What travels over the channel layer: rights and lists that changed. Never a piece of an answer.

The layer is at most once and drops silently; a socket therefore reads its rights again by itself
every REVALIDATE_SECONDS, and a page its list whenever it reconnects.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from accounts.policy import Principal
from accounts.signals import RightsChange, rights_changed
from chat.protocol import ConversationChanged
from chat.services.announcements import Announcement, ConversationChange, subscribe

log = structlog.get_logger(__name__)

_loop: asyncio.AbstractEventLoop | None = None
_sending: set["asyncio.Task[None]"] = set()


def groups_of(principal: Principal) -> list[str]:
    """The groups that a connection of `principal` listens to."""
    teams = [_team_group(team_id) for team_id in principal.roles]
    return [_person_group(principal.user_id), *teams]


class Listening:
    """Which groups one connection listens to."""

    def __init__(self, layer: Any, channel_name: str) -> None:
        self._layer = layer
        self._channel_name = channel_name
        self._joined: set[str] = set()

    async def follow(self, principal: Principal) -> None:
        """Listen to what `principal` may hear, and to nothing else any more.

        Without the channel layer the socket still serves; it tries again at the next look.
        """
        wanted = set(groups_of(principal))
        try:
            for group in self._joined - wanted:
                await self._layer.group_discard(group, self._channel_name)
                self._joined.discard(group)
            for group in wanted - self._joined:
                await self._layer.group_add(group, self._channel_name)
                self._joined.add(group)
        except Exception as error:
            log.warning("channel_layer_failed", error=type(error).__name__)

    async def leave(self) -> None:
        """Listen to nothing any more."""
        for group in self._joined:
            try:
                await self._layer.group_discard(group, self._channel_name)
            except Exception as error:
                log.warning("channel_layer_failed", error=type(error).__name__)
        self._joined.clear()


def connect(loop: asyncio.AbstractEventLoop) -> None:
    """From now on send what other threads announce from `loop`, the server's."""
    global _loop
    _loop = loop


def conversation_event(message: dict[str, Any]) -> ConversationChanged:
    """The event that a group message stands for."""
    return ConversationChanged(
        conversation=UUID(message["conversation"]),
        change=message["change"],
        title=message.get("title"),
    )


def _person_group(user_id: int) -> str:
    return f"person.{user_id}"


def _team_group(team_id: UUID) -> str:
    return f"team.{team_id.hex}"


def _on_rights_changed(change: RightsChange, **_rest: Any) -> None:
    message = {"type": "rights.changed", "credential": change.credential}
    _send(_person_group(change.user_id), message)


def _on_announcement(announcement: Announcement) -> None:
    if isinstance(announcement, ConversationChange):
        message = {
            "type": "conversation.changed",
            "conversation": str(announcement.conversation_id),
            "change": announcement.change,
            "title": announcement.title,
        }
        _send(_team_group(announcement.team_id), message)


def _send(group: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    if _loop is not None and _loop.is_running():
        _loop.call_soon_threadsafe(_send_soon, layer.group_send(group, message))
    else:
        # A management command: the sockets are in other processes, behind Redis.
        async_to_sync(layer.group_send)(group, message)


def _send_soon(sending: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(sending)
    _sending.add(task)
    task.add_done_callback(_sent)


def _sent(task: "asyncio.Task[None]") -> None:
    _sending.discard(task)
    if not task.cancelled() and (error := task.exception()):
        log.warning("channel_layer_failed", error=type(error).__name__)


rights_changed.connect(_on_rights_changed, dispatch_uid="chat.sockets")
subscribe(_on_announcement)
