"""Conversations put into a site's database, for journeys that need a past.

`store` is called by tests; `main` runs in a process with the site's settings.
"""

import json
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

from tests.servers import TramServer


@dataclass(frozen=True)
class Story:
    """A conversation without branches; person and model take turns, the person begins."""

    title: str
    texts: list[str]
    owner: str = "alice"
    model: str = "gpt-4.1"
    days_ago: int = 0
    reasoning: str = ""


def store(site: TramServer, *stories: Story) -> list[str]:
    """Put the stories into the site's database; return their conversations' ids."""
    path = site.data_dir / "stories.json"
    path.write_text(json.dumps([asdict(story) for story in stories]))
    code = f"from tests.journeys.library import main; main({str(path)!r})"
    printed = site.manage("shell", "--verbosity", "0", "-c", code)
    return [
        line.removeprefix("conversation ")
        for line in printed.split("\n")
        if "conversation " in line
    ]


def main(path: str) -> None:
    for story in json.loads(Path(path).read_text()):
        print("conversation", _store_one(story))


def _store_one(story: dict[str, Any]) -> str:
    from django.utils import timezone

    from accounts.models import Membership
    from chat.models import Conversation, Message
    from chat.search import fold

    place = Membership.objects.select_related("user").filter(
        user__username=story["owner"], team__personal=False
    )[0]
    told_at = timezone.now() - timedelta(days=story["days_ago"])
    conversation = Conversation.objects.create(
        team_id=place.team_id,
        owner=place.user,
        title=story["title"],
        model=story["model"],
        updated_at=told_at,
    )
    parent: Message | None = None
    messages = []
    for number, (text, role) in enumerate(zip(story["texts"], cycle(("user", "assistant")))):
        parent = Message(
            number=number + 1,
            conversation=conversation,
            parent=parent,
            role=role,
            author=place.user if role == "user" else None,
            model="" if role == "user" else story["model"],
            content=text,
            reasoning="" if role == "user" else story["reasoning"],
            search_text=fold(text),
        )
        messages.append(parent)
    Message.objects.bulk_create(messages, batch_size=500)
    conversation.leaf = parent
    conversation.save()
    return str(conversation.pk)
