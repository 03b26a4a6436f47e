"""What owners are told of who watches their turns."""

from collections.abc import Iterable
from uuid import UUID

from chat.turns.bus import Unwatch, Watch
from chat.turns.mirror import Mirror
from chat.turns.post import Post

RENEW_SECONDS = 5.0
"""Owners are told this often that somebody watches; they forget who was silent for longer."""


def renew(
    mirrors: Iterable[Mirror], post: Post, node: str, now: float, poll_seconds: float
) -> None:
    """Tell the owners of these mirrors, as far as it is due, that `node` watches."""
    watched: dict[str, list[tuple[UUID, int]]] = {}
    for mirror in mirrors:
        # Until the journal is read it is not known from where on.
        if not mirror.ready:
            continue
        pause_seconds = poll_seconds if mirror.doubted else RENEW_SECONDS
        if mirror.starts_over:
            post.send(mirror.node, Unwatch(node, (mirror.id,)))
        elif now - mirror.watched_at < pause_seconds:
            continue
        mirror.watched_at, mirror.starts_over = now, False
        watched.setdefault(mirror.node, []).append((mirror.id, mirror.seq))
    for owner, turns in watched.items():
        post.send(owner, Watch(node, tuple(turns)))
